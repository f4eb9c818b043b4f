//! The pairs: hand-written families, each about one part of the semantics, and random ones.

mod archives;
mod config;
mod destinations;
mod grammar;
mod heredocs;
mod ignore;
mod owners;
mod parents;
mod run;
mod sources;
mod stages;
mod variables;

use super::pair::{Item, Pair};

/// The seed of the random pairs.
pub const SEED: u64 = 4;

/// Pairs about one part of the semantics.
struct Family {
    name: &'static str,
    pairs: Vec<Pair>,
}

impl Family {
    fn new(name: &'static str) -> Family {
        Family { name, pairs: Vec::new() }
    }

    /// A pair of these instructions on the usual context; they stand on the base `base` unless they say `FROM`.
    fn add(&mut self, instructions: &str) -> &mut Pair {
        let id = format!("{}/{:03}", self.name, self.pairs.len() + 1);
        let from = if instructions.contains("FROM ") { "" } else { "FROM base\n" };
        let mut pair = Pair::new(id, &format!("{from}{instructions}\n"));
        pair.context = usual_context();
        self.pairs.push(pair);
        self.pairs.last_mut().unwrap()
    }

    fn add_each(&mut self, instructions: &[&str]) {
        for instruction in instructions {
            self.add(instruction);
        }
    }
}

/// All pairs, the same ones every time.
pub fn all() -> Vec<Pair> {
    let families = [
        destinations::destinations(),
        destinations::collisions(),
        sources::sources(),
        sources::wildcards(),
        sources::links(),
        ignore::ignore(),
        owners::owners(),
        owners::modes(),
        parents::parents(),
        parents::exclude(),
        stages::from(),
        stages::stages(),
        stages::contexts(),
        heredocs::heredocs(),
        archives::archives(),
        variables::variables(),
        config::config(),
        config::inherited(),
        run::run(),
        grammar::random(SEED),
    ];
    families.into_iter().flat_map(|family| family.pairs).collect()
}

/// What most pairs copy from.
fn usual_context() -> Vec<Item> {
    Item::list(
        "a.txt b.txt c.md run.sh! .hidden noext empty/ \
         dir/x dir/y.md dir/tool! dir/.dot dir/sub/z dir/sub/deep/w dir/void/ \
         other/x=another other/sub/z=deeper other/new \
         tofile->a.txt todir->dir dangling->nowhere absolute->/dir/x chained->todir/sub up->../../../a.txt \
         links/tofile->../a.txt links/todir->../dir links/dangling->nowhere links/absolute->/etc/passwd \
         links/up->../../../etc links/plain \
         twin1 twin2==twin1 pair/one pair/two==pair/one \
         src/a/1.py src/a/2.py src/b/1.py src/b/sub/3.py src/c.py \
         file1 file2 file3 fileA file[1] st*r deep/er/est/leaf",
    )
}
