use proptest::prelude::*;

use super::*;

fn wheel(file: &str) -> WheelName {
    WheelName::parse(file).unwrap()
}

/// The file that is chosen, or why none is.
fn chosen(files: &[&str], target: &Target) -> Result<String, Vec<Refusal>> {
    let wheels: Vec<WheelName> = files.iter().map(|file| wheel(file)).collect();
    let wheels: Vec<&WheelName> = wheels.iter().collect();
    best(&wheels, target).map(|at| wheels[at].file.clone())
}

#[test]
fn the_wheel_is_the_one_that_pip_takes() {
    let (mut files, mut choices): (Vec<&str>, u32) = (Vec::new(), 0);
    for line in include_str!("recorded.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if line.starts_with('[') {
            files.clear();
        } else if let Some(choice) = line.strip_prefix("> ") {
            let (target, file) = choice.split_once(" = ").unwrap();
            let target = Target::of(target);
            let found = chosen(&files, &target);
            if let Err(refusals) = &found {
                assert_eq!(refusals.len(), files.len());
                let unclear = refusals.iter().find(|refusal| refusal.why.contains('`'));
                assert_eq!(unclear, None, "real wheels are refused for what is known");
            }
            assert_eq!(found.as_deref().unwrap_or("-"), file, "{choice}");
            // The order in which they are found is of no account.
            files.reverse();
            assert_eq!(chosen(&files, &target).as_deref().unwrap_or("-"), file, "{choice}, reversed");
            choices += 1;
        } else {
            files.push(line);
        }
    }
    assert_eq!(choices, 300);
}

#[test]
fn of_equal_tags_the_greatest_build_wins_then_the_first_name() {
    let target = Target::of("3.12 linux/amd64 glibc 2.34");
    for (files, expected) in [
        (vec!["a-1-9-py3-none-any.whl", "a-1-10-py3-none-any.whl", "a-1-py3-none-any.whl"], "a-1-10-py3-none-any.whl"),
        (vec!["a-1-1-py3-none-any.whl", "a-1-1a-py3-none-any.whl"], "a-1-1a-py3-none-any.whl"),
        (vec!["a-1-99-py3-none-any.whl", "a-1-py312-none-any.whl"], "a-1-py312-none-any.whl"),
        (vec!["a-1.0-py3-none-any.whl", "A-1.0-py3-none-any.whl"], "A-1.0-py3-none-any.whl"),
        (
            vec!["a-1-cp312-abi3-manylinux1_x86_64.whl", "a-1-cp312-cp312-manylinux_2_30_x86_64.whl"],
            "a-1-cp312-cp312-manylinux_2_30_x86_64.whl",
        ),
        (
            vec!["a-1-cp312-cp312-linux_x86_64.whl", "a-1-cp312-cp312-manylinux1_x86_64.whl"],
            "a-1-cp312-cp312-manylinux1_x86_64.whl",
        ),
        (vec!["a-1-py2.py3-none-any.whl"], "a-1-py2.py3-none-any.whl"),
    ] {
        assert_eq!(chosen(&files, &target).as_deref(), Ok(expected));
    }
    assert_eq!(best(&[], &target), Err(Vec::new()));
}

#[test]
fn a_refusal_says_what_the_nearest_tag_lacks() {
    let amd64 = "3.12 linux/amd64 glibc 2.34";
    for (target, tags, why) in [
        (amd64, "cp311-cp311-manylinux_2_17_x86_64", "it is for CPython 3.11, and this is 3.12"),
        (amd64, "cp39.cp310-none-any", "it is for CPython 3.10, and this is 3.12"),
        (amd64, "cp27-cp27mu-manylinux1_x86_64", "it is for CPython 2.7, and this is 3.12"),
        (amd64, "cp313-abi3-manylinux_2_17_x86_64", "it is for CPython 3.13 and later, and this is 3.12"),
        (amd64, "py313-none-any", "it is for Python 3.13 and later, and this is 3.12"),
        (amd64, "py2-none-any", "it is for Python 2, and this is 3.12"),
        (amd64, "py27-none-any", "it is for Python 2.7, and this is 3.12"),
        (amd64, "pp310-pypy310_pp73-manylinux_2_17_x86_64", "it is for PyPy, and this is CPython"),
        (amd64, "graalpy311-graalpy240_311_native-manylinux_2_17_x86_64", "it is for GraalPy, and this is CPython"),
        (amd64, "xy3-none-any", "it is for the interpreter `xy3`, and this is CPython"),
        (amd64, "cp312-cp312-manylinux_2_39_x86_64", "it needs glibc 2.39, and the image has 2.34"),
        (
            amd64,
            "cp312-cp312-manylinux_2_39_x86_64.manylinux_2_36_x86_64",
            "it needs glibc 2.36, and the image has 2.34",
        ),
        (amd64, "cp312-cp312-musllinux_1_2_x86_64", "it is for musl, and the image has glibc 2.34"),
        (amd64, "cp312-cp312-manylinux_2_17_aarch64.manylinux2014_aarch64", "it is for aarch64, and this is x86_64"),
        (amd64, "cp312-cp312-linux_armv7l", "it is for armv7l, and this is x86_64"),
        (amd64, "cp312-cp312-macosx_10_9_universal2", "it is for macOS"),
        (amd64, "cp312-cp312-win_amd64", "it is for Windows"),
        (amd64, "cp311-cp311-win32", "it is for Windows"),
        (amd64, "cp312-cp312-ios_13_0_arm64_iphoneos", "it is for iOS"),
        (amd64, "cp312-cp312-pyodide_2024_0_wasm32", "it is for WebAssembly"),
        (amd64, "cp312-cp312-plan9", "it is for the platform `plan9`"),
        (amd64, "cp312-cp312-manylinux_x_y_x86_64", "it is for the platform `manylinux_x_y_x86_64`"),
        (amd64, "cp312-cp312d-manylinux_2_17_x86_64", "it needs a debug build of the interpreter"),
        (amd64, "py3-abi3-any", "no interpreter asks for its tag `py3-abi3-any`"),
        // Two things are amiss: the one that is further away is told.
        (amd64, "cp311-cp311-manylinux_2_17_aarch64", "it is for aarch64, and this is x86_64"),
        (amd64, "cp311-cp311-macosx_10_9_x86_64", "it is for macOS"),
        (amd64, "cp39-cp39-manylinux_2_39_x86_64", "it needs glibc 2.39, and the image has 2.34"),
        (amd64, "cp27-cp27m-manylinux_2_39_x86_64", "it is for CPython 2.7, and this is 3.12"),
        // Several tags: the one that is nearest decides.
        (amd64, "cp312-cp312-macosx_10_9_x86_64.manylinux_2_36_x86_64", "it needs glibc 2.36, and the image has 2.34"),
        ("3.13 linux/amd64 glibc 2.34", "cp313-cp313t-manylinux_2_17_x86_64", "it needs a free-threaded interpreter"),
        ("3.15 linux/amd64 glibc 2.34", "cp315-abi3t-manylinux_2_17_x86_64", "it needs a free-threaded interpreter"),
        ("3.7 linux/amd64 glibc 2.34", "cp37-cp37dm-manylinux1_x86_64", "it needs a debug build of the interpreter"),
        (
            "3.12 linux/amd64 musl 1.2",
            "cp312-cp312-manylinux_2_17_x86_64",
            "it is for glibc, and the image has musl 1.2",
        ),
        ("3.12 linux/amd64 musl 1.1", "cp312-cp312-musllinux_1_2_x86_64", "it needs musl 1.2, and the image has 1.1"),
        (
            "3.12 linux/amd64 -",
            "cp312-cp312-manylinux2014_x86_64",
            "it needs the C library glibc 2.17, and which one the image has is not known",
        ),
        (
            "3.12 linux/amd64 -",
            "cp312-cp312-linux_x86_64",
            "it needs a C library, and which one the image has is not known",
        ),
        (
            "3.12 linux/arm64 glibc 2.34",
            "cp312-cp312-manylinux_2_5_aarch64",
            "there is no platform `manylinux_2_5_aarch64` that wheels can be for",
        ),
        (
            "3.12 windows/amd64 -",
            "cp312-cp312-manylinux_2_17_x86_64",
            "it is for Linux on x86_64, and this is windows/amd64",
        ),
    ] {
        let file = format!("a-1-{tags}.whl");
        let refused = Refusal { file: file.clone(), why: why.to_owned() };
        assert_eq!(chosen(&[&file], &Target::of(target)), Err(vec![refused]), "{target}");
    }
}

#[test]
fn each_is_refused_for_its_own_reason_in_their_order() {
    let files = ["a-1-py2-none-any.whl", "a-1-cp312-cp312-win_amd64.whl"];
    let refusals = chosen(&files, &Target::of("3.12 linux/amd64 glibc 2.34")).unwrap_err();
    assert_eq!(refusals.iter().map(|refusal| refusal.file.as_str()).collect::<Vec<&str>>(), files);
}

proptest! {
    /// A wheel with one tag is chosen if and only if the tag is the target's.
    #[test]
    fn what_fits_is_chosen(
        python in "(cp|py|pp)(2|3)(7|8|9|10|11|12|13)?",
        abi in "(none|abi3|cp37m|cp38|cp39|cp312|cp312t|cp313)",
        platform in "(any|linux_x86_64|manylinux1_x86_64|manylinux_2_(4|5|17|34|35)_(x86_64|aarch64)|musllinux_1_[0-3]_x86_64|win32)",
        target in prop::sample::select(vec![
            "3.7 linux/amd64 glibc 2.34", "3.12 linux/amd64 glibc 2.34", "3.12 linux/arm64 glibc 2.17",
            "3.12 linux/amd64 musl 1.2", "3.12 linux/amd64 -", "3.13 windows/amd64 glibc 2.34",
        ]),
    ) {
        let target = Target::of(target);
        let wheel = wheel(&format!("a-1-{python}-{abi}-{platform}.whl"));
        match best(&[&wheel], &target) {
            Ok(at) => prop_assert!(at == 0 && target.tags().contains(&wheel.tags[0])),
            Err(refusals) => {
                prop_assert!(!target.tags().contains(&wheel.tags[0]));
                prop_assert!(refusals.len() == 1 && !refusals[0].why.is_empty());
            }
        }
    }

    #[test]
    fn whatever_the_tags_are_something_is_said(python in "[a-z0-9_]{1,9}", abi in "[a-z0-9_]{1,9}", platform in "[a-z0-9_]{1,24}") {
        let parsed = WheelName::parse(&format!("a-1-{python}-{abi}-{platform}.whl"));
        if let Ok(wheel) = parsed {
            let refused = best(&[&wheel], &Target::of("3.12 linux/amd64 glibc 2.34"));
            prop_assert!(refused.is_ok() || refused.is_err_and(|all| !all[0].why.contains(char::is_control)));
        }
    }
}
