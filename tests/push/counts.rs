use crate::support::examples::{examples, push};
use crate::support::registry::Registry;

#[test]
fn probe() {
    let registry = Registry::start();
    let sandbox = examples();
    let run = push(&sandbox, &registry.host()).ok();
    println!("FIRST\n{}\n{}", run.stdout, registry.log());
    registry.clear_log();
    push(&sandbox, &registry.host()).ok();
    println!("SECOND\n{}", registry.log());
    registry.clear_log();
    sandbox.file("layers/receipt_label/handler.py", "changed");
    let run = push(&sandbox, &registry.host()).ok();
    println!("CHANGE\n{}\n{}", run.stdout, registry.log());
    registry.clear_log();
    let other = examples();
    other.file("layers/receipt_label/handler.py", "changed");
    let run = push(&other, &registry.host()).ok();
    println!("OTHER\n{}\n{}", run.stdout, registry.log());
}
