//! The campaign with docker, buildkit and buildah there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use super::authorities::{Buildah, Buildkit, Docker};
use super::bases::{self, Bases};
use super::house::House;
use super::outcome::Outcome;
use super::pair::Pair;
use super::record::Record;
use super::subject::Subject;
use super::{announced, each, families};

/// What one pair showed.
struct Shown {
    docker: Outcome,
    /// What counts: docker's word, or buildkit's where docker's own front end lacks something.
    authority: Outcome,
    by: String,
    buildkit: Option<Outcome>,
    buildah: Option<Outcome>,
    tarsia: Option<Outcome>,
}

/// Asks everybody about every pair.
///
/// `TARSIA_CAMPAIGN_ONLY` limits it to pairs whose names begin with one of these, `TARSIA_CAMPAIGN_ASK` to some of
/// `buildkit`, `buildah`, `tarsia` beside docker; `TARSIA_CAMPAIGN_RECORD` records the answers anew.
#[expect(clippy::print_stdout, reason = "the summary is what the campaign is run for")]
pub fn campaign() {
    let house = House::found();
    let work = house.empty_folder("/campaign/work");
    let busybox = fs::read(house.outside("/usr/bin/busybox")).unwrap();
    let bases = Bases::write(&house.empty_folder("/campaign/bases"), &bases::bases(&busybox));
    let asked = std::env::var("TARSIA_CAMPAIGN_ASK").unwrap_or("buildkit,buildah,tarsia".to_owned());
    let asked = |name: &str| asked.split(',').any(|other| other == name);
    let docker = Docker::start(&house, &bases);
    let has_buildkit = house.outside("/usr/local/bin/buildkitd").exists();
    let buildkit = (asked("buildkit") && has_buildkit).then(|| Buildkit::start(&house, &bases));
    let buildah = asked("buildah").then(|| Buildah::start(&house, &bases));
    let subject = asked("tarsia").then(|| Subject::new(&bases));
    let only = std::env::var("TARSIA_CAMPAIGN_ONLY").unwrap_or_default();
    let only: Vec<&str> = only.split_ascii_whitespace().collect();
    let wanted = |pair: &Pair| only.is_empty() || only.iter().any(|start| pair.id.starts_with(start));
    let pairs: Vec<Pair> = families::all().into_iter().filter(wanted).collect();
    let records = Record::all();
    let (docker_version, buildkit_version) = (docker.version(), buildkit.as_ref().map(Buildkit::version));

    let all = Mutex::new(BTreeMap::new());
    let broken = Mutex::new(Vec::new());
    each(&pairs, |pair| {
        let name = pair.id.replace('/', "-");
        let folder = format!("/campaign/work/{name}");
        let ask = || {
            pair.write(&work.join(&name));
            let docker = docker.build(pair, &folder);
            let buildkit = buildkit.as_ref().map(|buildkit| buildkit.build(pair, &folder));
            let lacking = matches!(&docker, Outcome::Refused(why) if why.contains("unknown flag: --parents"));
            let recorded = records.get(&pair.id).filter(|record| record.content == pair.fingerprint());
            let (authority, by) = match (&buildkit, &buildkit_version, recorded) {
                (Some(outcome), Some(version), _) if lacking => (outcome.clone(), version.clone()),
                (None, _, Some(record)) if lacking => (record.outcome(&bases), record.by.clone()),
                _ => (docker.clone(), docker_version.clone()),
            };
            let buildah = buildah.as_ref().map(|buildah| buildah.build(pair, &folder));
            let tarsia = subject.as_ref().map(|subject| subject.build(pair, &work.join(&name)));
            Shown { docker, authority, by, buildkit, buildah, tarsia }
        };
        // Somebody who breaks over a pair does not take the answers about the others along.
        match catch_unwind(AssertUnwindSafe(ask)) {
            Ok(shown) => _ = all.lock().unwrap().insert(pair.id.clone(), shown),
            Err(_) => broken.lock().unwrap().push(pair.id.clone()),
        }
        fs::remove_dir_all(work.join(&name)).unwrap();
    });
    let broken = broken.into_inner().unwrap();
    let pairs: Vec<Pair> = pairs.into_iter().filter(|pair| !broken.contains(&pair.id)).collect();
    let all = all.into_inner().unwrap();

    if std::env::var_os("TARSIA_CAMPAIGN_RECORD").is_some() {
        let mut records = records;
        let pairs_now = families::all();
        records.retain(|id, _| pairs_now.iter().any(|pair| pair.id == *id));
        for pair in &pairs {
            let shown = &all[&pair.id];
            records.insert(pair.id.clone(), Record::of(pair, &shown.by, &shown.authority, &bases));
        }
        Record::write(&records);
    }
    let versions = [Some(docker_version), buildkit_version, buildah.as_ref().map(Buildah::version)];
    let (summary, failures) = summary(&pairs, &all, &versions.into_iter().flatten().collect::<Vec<_>>().join(", "));
    fs::write(house.outside("/campaign/summary.txt"), &summary).unwrap();
    println!("{summary}");
    assert!(broken.is_empty(), "over these somebody broke, see above: {}", broken.join(", "));
    assert!(failures == 0, "{failures} pairs differ from docker; see above");
}

/// The summary, and the number of pairs in which tarsia differs without having announced it.
fn summary(pairs: &[Pair], all: &BTreeMap<String, Shown>, versions: &str) -> (String, usize) {
    let mut text = format!("{} pairs, asked of {versions}\n\nfamily: pairs, refused by docker\n", pairs.len());
    let mut families: Vec<(&str, usize, usize)> = Vec::new();
    for pair in pairs {
        if families.last().is_none_or(|(name, _, _)| *name != pair.family()) {
            families.push((pair.family(), 0, 0));
        }
        let last = families.last_mut().unwrap();
        last.1 += 1;
        last.2 += usize::from(matches!(all[&pair.id].authority, Outcome::Refused(_)));
    }
    for (name, count, refused) in families {
        writeln!(text, "  {name}: {count}, {refused}").unwrap();
    }
    let by_buildkit = all.values().filter(|shown| !shown.by.starts_with("docker")).count();
    writeln!(text, "answered by buildkit, as docker cannot: {by_buildkit}").unwrap();
    let mut details = String::new();
    differences(&mut text, &mut details, pairs, "buildkit differs from docker", |pair| {
        let shown = &all[&pair.id];
        shown.by.starts_with("docker").then_some(())?;
        Some((shown.docker.differences(shown.buildkit.as_ref()?), None))
    });
    differences(&mut text, &mut details, pairs, "buildah differs from docker", |pair| {
        let shown = &all[&pair.id];
        let mut lines = shown.authority.differences(shown.buildah.as_ref()?);
        // A key of Windows that docker sets everywhere, and buildah nowhere.
        lines.retain(|line| !line.starts_with("config.ArgsEscaped:"));
        Some((lines, None))
    });
    kinds(&mut text, pairs, all);
    let failures = differences(&mut text, &mut details, pairs, "tarsia differs from docker", |pair| {
        let shown = &all[&pair.id];
        let tarsia = shown.tarsia.as_ref()?;
        Some((shown.authority.differences(tarsia), announced::reason(pair, &shown.authority, tarsia)))
    });
    (text + &details, failures)
}

/// Counts in which ways buildah differs, by family.
fn kinds(text: &mut String, pairs: &[Pair], all: &BTreeMap<String, Shown>) {
    let mut kinds: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for pair in pairs {
        let shown = &all[&pair.id];
        let Some(buildah) = &shown.buildah else { return };
        let mut count = |kind| *kinds.entry((kind, pair.family())).or_default() += 1;
        match (&shown.authority, buildah) {
            (Outcome::Refused(_), Outcome::Refused(_)) | (Outcome::Broken(_), _) | (_, Outcome::Broken(_)) => {}
            (Outcome::Refused(_), Outcome::Image(_)) => count("builds what docker refuses"),
            (Outcome::Image(_), Outcome::Refused(_)) => count("refuses what docker builds"),
            (Outcome::Image(docker), Outcome::Image(buildah)) => {
                if docker.tree != buildah.tree {
                    count("another tree");
                }
                if docker.config.iter().filter(|(part, _)| *part != "ArgsEscaped").ne(buildah.config.iter()) {
                    count("another config");
                }
            }
        }
    }
    for ((kind, family), count) in kinds {
        writeln!(text, "  buildah, {kind}: {family} {count}").unwrap();
    }
}

/// Lists where somebody differs; the number of pairs for which no reason was given.
fn differences<'a>(
    text: &mut String,
    details: &mut String,
    pairs: &'a [Pair],
    title: &str,
    compare: impl Fn(&'a Pair) -> Option<(Vec<String>, Option<&'static str>)>,
) -> usize {
    let mut without_reason = 0;
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for pair in pairs {
        let Some((lines, reason)) = compare(pair) else { continue };
        if lines.is_empty() {
            continue;
        }
        match reason {
            Some(reason) => *reasons.entry(reason).or_default() += 1,
            None => {
                without_reason += 1;
                let more = lines.len().saturating_sub(8);
                let shown = lines.iter().take(8).map(|line| format!("    {line}\n")).collect::<String>();
                writeln!(details, "\n{title}: {}\n{shown}{}", told(pair), if more > 0 { "    …\n" } else { "" })
                    .unwrap();
            }
        }
    }
    writeln!(text, "{title}: {without_reason}").unwrap();
    for (reason, count) in reasons {
        writeln!(text, "  and, as announced, in {count}: {reason}").unwrap();
    }
    without_reason
}

/// A pair as a message shows it.
pub fn told(pair: &Pair) -> String {
    format!("{}\n  | {}", pair.id, pair.dockerfile.trim_end().replace('\n', "\n  | "))
}
