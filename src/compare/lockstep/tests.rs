use std::ops::ControlFlow;

use super::*;
use crate::digest::Digest;
use crate::image::{Form, MemberKind, Shape};

fn file(path: &str, content: &str) -> Member {
    let form = Form {
        format: "ustar",
        records: Vec::new(),
        long_names: false,
        user: Box::default(),
        group: Box::default(),
        prefix: "",
        slash: false,
        header: Shape::default(),
    };
    Member {
        path: path.as_bytes().into(),
        kind: MemberKind::File,
        mode: 0o644,
        uid: 0,
        gid: 0,
        time: (0, 0),
        size: content.len() as u64,
        digest: Some(Digest::of(content.as_bytes())),
        link: None,
        device: None,
        attributes: BTreeMap::new(),
        form: Arc::new(form),
    }
}

fn matched(left: &[(&str, &str)], right: &[(&str, &str)]) -> Matched {
    let tell = |entries: &[(&str, &str)], tell: &mut Tell<'_>| -> Result<(), ()> {
        for (path, content) in entries {
            if tell(file(path, content)).is_break() {
                break;
            }
        }
        Ok(())
    };
    let (one, other, matched) =
        pair(Measure::default(), Kept::default(), |told| tell(left, told), |told| tell(right, told));
    assert_eq!((one, other), (Some(Ok(())), Some(Ok(()))));
    matched.unwrap().0
}

fn shown(matched: &Matched) -> Vec<String> {
    let one = |file: &FileDifference| {
        let words: Vec<&str> = file.what.iter().map(|what| what.word()).collect();
        format!("{} {}", String::from_utf8_lossy(&file.path), words.join(","))
    };
    matched.files.iter().map(one).collect()
}

/// How many entries have no partner.
fn waiting(pairing: &Pairing) -> usize {
    pairing.left.values().chain(pairing.right.values()).map(VecDeque::len).sum()
}

#[test]
fn streams_in_one_order_keep_nothing() {
    let mut pairing = Pairing::new(Measure::default(), Kept::default());
    for number in 0..100_000 {
        let path = format!("a/{number}");
        pairing.step(number, Some(file(&path, "x")), Some(file(&path, "x"))).unwrap();
        assert_eq!((waiting(&pairing), pairing.kept.taken), (0, 0));
    }
    let (matched, _) = pairing.finish();
    assert_eq!((matched.files.len(), matched.moved), (0, 0));
}

#[test]
fn an_entry_of_only_one_side_keeps_one_of_each_waiting() {
    let mut pairing = Pairing::new(Measure::default(), Kept::default());
    for number in 0..10_000 {
        let right = if number == 0 { "new".to_owned() } else { format!("a/{}", number - 1) };
        pairing.step(number, Some(file(&format!("a/{number}"), "x")), Some(file(&right, "x"))).unwrap();
        assert!(waiting(&pairing) <= 2, "{}", waiting(&pairing));
    }
}

#[test]
fn what_differs_is_told_by_path() {
    let matched = matched(&[("a", "1"), ("b", "1"), ("d", "1")], &[("a", "1"), ("b", "2"), ("c", "1")]);
    assert_eq!(shown(&matched), ["b content", "c added", "d removed"]);
}

#[test]
fn the_same_in_another_order_is_no_difference_of_a_file() {
    let matched = matched(&[("a", "1"), ("b", "1"), ("c", "1")], &[("c", "1"), ("b", "1"), ("a", "1")]);
    assert_eq!((shown(&matched).len(), matched.moved), (0, 2));
}

#[test]
fn a_path_that_occurs_twice_meets_its_own_in_order() {
    let same = matched(&[("a", "1"), ("a", "2")], &[("a", "1"), ("a", "2")]);
    assert_eq!((shown(&same).len(), same.moved), (0, 0));
    let swapped = matched(&[("a", "1"), ("a", "2")], &[("a", "2"), ("a", "1")]);
    assert_eq!(shown(&swapped), ["a content", "a content"]);
    let apart = matched(&[("a", "1"), ("a", "2"), ("b", "1")], &[("b", "1"), ("a", "1"), ("a", "2")]);
    assert_eq!((shown(&apart).len(), apart.moved), (0, 3));
    let more = matched(&[("a", "1")], &[("a", "1"), ("a", "2")]);
    assert_eq!(shown(&more), ["a added"]);
}

#[test]
fn more_than_can_be_kept_is_an_error_and_stops_both() {
    let long = "n".repeat(4000);
    let endless = |name: &'static str, tell: &mut Tell<'_>| -> Result<(), u64> {
        for number in 0..10_000_000u64 {
            if let ControlFlow::Break(()) = tell(file(&format!("{name}{number}{long}"), "")) {
                return Err(number);
            }
        }
        Ok(())
    };
    let (left, right, matched) =
        pair(Measure::default(), Kept::default(), |tell| endless("left", tell), |tell| endless("right", tell));
    assert_eq!(matched.unwrap_err(), TooMuch);
    assert!(left.unwrap().unwrap_err() < 100_000 && right.unwrap().unwrap_err() < 100_000);
}

#[test]
fn one_that_fails_stops_the_other() {
    let (left, right, _) = pair(
        Measure::default(),
        Kept::default(),
        |_| Err("broken"),
        |tell| {
            for number in 0..10_000_000 {
                if tell(file(&format!("{number}"), "")).is_break() {
                    return Err("stopped");
                }
            }
            Ok(())
        },
    );
    assert_eq!((left, right), (Some(Err("broken")), Some(Err("stopped"))));
}

#[test]
fn all_that_is_said_of_an_entry_is_paid_for() {
    let long = "n".repeat(1000);
    let plain = file("f", "");
    let form = |form: Form| Member { form: Arc::new(form), ..plain.clone() };
    let name: Box<[u8]> = long.as_bytes().into();
    let entries = [
        file(&long, ""),
        Member { link: Some(name.clone()), ..plain.clone() },
        Member { attributes: BTreeMap::from([(name.clone(), Box::default())]), ..plain.clone() },
        Member { attributes: BTreeMap::from([(Box::default(), name.clone())]), ..plain.clone() },
        form(Form { user: name.clone(), ..Form::clone(&plain.form) }),
        form(Form { group: name.clone(), ..Form::clone(&plain.form) }),
        form(Form { records: vec![long.as_str().into()], ..Form::clone(&plain.form) }),
    ];
    for entry in entries {
        assert!(cost(&entry) >= cost(&plain) + 1000, "{entry:?}");
        // So many of them fit and no more.
        let mut pairing = Pairing::new(Measure::default(), Kept { taken: 0, limit: 100_000 });
        let fit = (0..1000).take_while(|&number| pairing.step(number, Some(entry.clone()), None).is_ok()).count();
        assert!((30..72).contains(&fit), "{fit}");
    }
}
