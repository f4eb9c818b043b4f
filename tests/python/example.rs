//! The example of `specs/python`, as the manual tells it.

use crate::support::examples::examples;
use crate::support::tools::tool;

#[test]
fn the_example_is_built_and_found_again() {
    let sandbox = examples();
    let _ = std::fs::remove_dir_all(sandbox.path("specs/python/wheels"));
    // Without its wheels it says what is missing.
    let run = sandbox.run(["build", "specs/python"]).refused(2, "ledger-1.4.0-py3-none-any.whl");
    assert!(run.stderr.contains("which the lock names, is not there"), "{}", run.stderr);
    tool("python3", [sandbox.path("specs/python/wheels.py")]);
    let run = sandbox.run(["build", "specs/python", "--json"]).ok();
    let names: Vec<String> = run
        .documents()
        .iter()
        .filter(|image| image["name"] == "receipt-worker")
        .flat_map(|image| image["layers"].as_array().unwrap().clone())
        .map(|layer| layer["name"].as_str().unwrap().to_owned())
        .collect();
    let expected = [
        "skeleton",
        "dependencies/ledger",
        "dependencies/swift-sum",
        "dependencies/tidy-money",
        "receipt_dynamo",
        "receipt_label",
    ];
    assert_eq!(names, [expected, expected].concat());
    // The bytes of distributions are a format: these digests change with it alone.
    let digest = |name: &str| {
        let documents = run.documents();
        let layers = documents.iter().flat_map(|image| image["layers"].as_array().unwrap().clone());
        layers.into_iter().find(|layer| layer["name"] == name).unwrap()["diff_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(digest("dependencies/ledger"), LEDGER);
    assert_eq!(digest("receipt_dynamo"), RECEIPT_DYNAMO);
    sandbox.run(["check", "specs/python"]).ok();
    let again = sandbox.run(["build", "specs/python", "--json"]).ok();
    let statuses = |run: &crate::support::Run| -> Vec<String> {
        let documents = run.documents();
        let layers = documents.iter().flat_map(|image| image["layers"].as_array().unwrap().clone());
        layers.map(|layer| layer["status"].as_str().unwrap().to_owned()).collect()
    };
    assert!(statuses(&again).iter().all(|status| status == "reused"));
}

const LEDGER: &str = "sha256:f5ed8ba627a4942513e432ad7de015a2a146424141348994e70e0956742e56de";
const RECEIPT_DYNAMO: &str = "sha256:8cc871d6c43b70c375eff3c0f34e0f0b087433f63c8768e51d43f0528bcad2d8";
