use std::io::Read;

use proptest::prelude::*;

use super::*;
use crate::python::record::{self, Recorded};
use crate::python::zip::writer::{Entry, Written, write};

mod hostile;

/// A wheel that is to be written.
#[derive(Clone)]
struct Draft {
    file: String,
    entries: Vec<Entry>,
    /// Its `RECORD`; without one that of its entries.
    record: Option<String>,
}

const METADATA: &str = "Metadata-Version: 2.1\nName: De.mo\nVersion: 1.0.0\nRequires-Dist: x>=1\n\
                        Requires-Dist: y; extra == 'z'\nRequires-Python: >=3.9\n\nName: none\n";
const WHEEL: &str = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n";

impl Draft {
    /// A wheel with nothing wrong.
    fn demo() -> Draft {
        let entries = vec![
            Entry::file("de_mo/__init__.py", "x = 1\n"),
            Entry::file("de_mo-1.0.dist-info/METADATA", METADATA),
            Entry::file("de_mo-1.0.dist-info/WHEEL", WHEEL),
        ];
        Draft { file: "de_mo-1.0-py3-none-any.whl".to_owned(), entries, record: None }
    }

    fn with(mut self, name: &str, content: impl Into<Vec<u8>>) -> Draft {
        self.entries.push(Entry::file(name, content));
        self
    }

    fn with_entry_points(self, text: &str) -> Draft {
        self.with("de_mo-1.0.dist-info/entry_points.txt", text)
    }

    /// The same with another content of a member.
    fn but(mut self, name: &str, content: &str) -> Draft {
        let entry = self.entries.iter_mut().find(|entry| entry.name.ends_with(name.as_bytes())).unwrap();
        entry.content = content.into();
        self
    }

    /// What `RECORD` has to be.
    fn record(&self) -> String {
        let files = self.entries.iter().filter(|entry| !entry.name.ends_with(b"/"));
        let mut rows: Vec<Recorded> = files
            .map(|entry| Recorded {
                path: String::from_utf8_lossy(&entry.name).into_owned(),
                content: Some((Digest::of(&entry.content), entry.content.len() as u64)),
            })
            .collect();
        rows.push(Recorded { path: "de_mo-1.0.dist-info/RECORD".to_owned(), content: None });
        String::from_utf8(record::write(rows)).unwrap()
    }

    fn write(&self) -> Written {
        let record = self.record.clone().unwrap_or_else(|| self.record());
        // The last one is a file of the package: what is written over it afterwards is what the test means.
        let mut entries = self.entries.clone();
        entries.insert(0, Entry::file("de_mo-1.0.dist-info/RECORD", record));
        entries.rotate_left(2);
        write(&entries, false)
    }

    fn open(&self) -> Result<Wheel, String> {
        open(&self.file, &self.write())
    }

    fn lay(&self) -> Laid {
        Laid::of(&self.open().unwrap().lay(&scheme(), false).unwrap())
    }
}

fn open(name: &str, written: &Written) -> Result<Wheel, String> {
    let file = WheelFile {
        name: name.to_owned(),
        path: PathBuf::from("wheels").join(name),
        file: written.file(7),
        offset: 7,
        size: written.bytes.len() as u64,
        digest: Digest::of(&written.bytes),
    };
    Wheel::open(file).map_err(|error| {
        assert_eq!(error.wheel, name);
        error.why
    })
}

fn scheme() -> Scheme {
    let path = |text: &str| text.as_bytes().into();
    Scheme {
        pure: path("usr/lib/python3.12/site-packages"),
        platform: path("usr/lib64/python3.12/site-packages"),
        scripts: path("usr/bin"),
        data: path("usr"),
        headers: path("usr/include/site/python3.12"),
        python: crate::python::PythonVersion { major: 3, minor: 12, micro: None },
        interpreter: "/usr/bin/python3.12".to_owned(),
    }
}

/// A distribution with all its contents.
#[derive(Debug, PartialEq)]
struct Laid(Vec<(String, bool, String)>);

impl Laid {
    fn of(distribution: &Distribution) -> Laid {
        let files = distribution.files.iter();
        Laid(files.map(|file| (String::from_utf8(file.path.to_vec()).unwrap(), file.executable, read(file))).collect())
    }

    fn text(&self, path: &str) -> &str {
        &self.0.iter().find(|(other, ..)| other == path).unwrap_or_else(|| panic!("no {path} in {self:#?}")).2
    }

    fn has(&self, path: &str) -> bool {
        self.0.iter().any(|(other, ..)| other == path)
    }

    fn executables(&self) -> Vec<&str> {
        self.0.iter().filter(|(_, executable, _)| *executable).map(|(path, ..)| &**path).collect()
    }
}

/// What a file holds, which has to be what its digest says.
fn read(file: &crate::python::DistributionFile) -> String {
    let mut content = Vec::new();
    file.content.source.open().unwrap().read_to_end(&mut content).unwrap();
    assert_eq!((Digest::of(&content), content.len() as u64), (file.content.digest, file.content.size));
    String::from_utf8_lossy(&content).into_owned()
}

const INFO: &str = "usr/lib/python3.12/site-packages/de_mo-1.0.dist-info";

#[test]
fn a_wheel_tells_what_others_need_of_it() {
    let wheel = Draft::demo().open().unwrap();
    assert_eq!(wheel.requires_python(), Some(">=3.9"));
    let distribution = wheel.lay(&scheme(), false).unwrap();
    assert_eq!((distribution.name.as_str(), distribution.version.as_str()), ("de-mo", "1.0.0"));
    assert_eq!(distribution.origin, "de_mo-1.0-py3-none-any.whl");
}

#[test]
fn a_plain_wheel_is_laid_with_what_an_installer_adds() {
    let draft = Draft::demo();
    let wheel = draft.open().unwrap();
    let distribution = wheel.lay(&scheme(), true).unwrap();
    assert_eq!((&*distribution.name, &*distribution.version), ("de-mo", "1.0.0"));
    assert_eq!(distribution.origin, "de_mo-1.0-py3-none-any.whl");
    let laid = Laid::of(&distribution);
    let paths: Vec<&str> = laid.0.iter().map(|(path, ..)| &**path).collect();
    let names = ["INSTALLER", "METADATA", "RECORD", "REQUESTED", "WHEEL", "direct_url.json"];
    let mut expected: Vec<String> = names.iter().map(|name| format!("{INFO}/{name}")).collect();
    expected.push("usr/lib/python3.12/site-packages/de_mo/__init__.py".to_owned());
    assert_eq!(paths, expected);
    assert_eq!(laid.text(&format!("{INFO}/INSTALLER")), "tarsia\n");
    assert_eq!(laid.text(&format!("{INFO}/REQUESTED")), "");
    let hex = Digest::of(&draft.write().bytes).hex();
    assert_eq!(
        laid.text(&format!("{INFO}/direct_url.json")),
        format!(
            "{{\"archive_info\": {{\"hash\": \"sha256={hex}\", \"hashes\": {{\"sha256\": \"{hex}\"}}}}, \
             \"url\": \"file:///de_mo-1.0-py3-none-any.whl\"}}"
        )
    );
    assert!(laid.executables().is_empty());
    let record = laid.text(&format!("{INFO}/RECORD"));
    assert!(record.contains("de_mo-1.0.dist-info/INSTALLER,sha256="), "{record}");
    assert!(record.contains("de_mo-1.0.dist-info/REQUESTED,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n"));
    assert!(record.contains("de_mo-1.0.dist-info/RECORD,,\n"));
    let sorted = record.lines().is_sorted() && record.ends_with('\n') && record.lines().count() == 7;
    assert!(sorted, "{record}");

    let from_lock = Laid::of(&wheel.lay(&scheme(), false).unwrap());
    assert!(!from_lock.has(&format!("{INFO}/direct_url.json")));
}

#[test]
fn what_another_installer_left_in_the_metadata_is_replaced() {
    let draft = Draft::demo()
        .with("de_mo-1.0.dist-info/INSTALLER", "other")
        .with("de_mo-1.0.dist-info/REQUESTED", "x")
        .with("de_mo-1.0.dist-info/direct_url.json", "{}");
    let laid = draft.lay();
    assert_eq!(laid.text(&format!("{INFO}/INSTALLER")), "tarsia\n");
    assert_eq!(laid.text(&format!("{INFO}/REQUESTED")), "");
    assert!(!laid.has(&format!("{INFO}/direct_url.json")));
}

#[test]
fn signatures_of_record_stay_as_pip_leaves_them() {
    let mut draft = Draft::demo();
    draft.record = Some(draft.record());
    let laid = draft.with("de_mo-1.0.dist-info/RECORD.jws", "{}").lay();
    assert_eq!(laid.text(&format!("{INFO}/RECORD.jws")), "{}");
}

#[test]
fn rows_without_a_member_are_left_out() {
    let mut draft = Draft::demo();
    draft.entries.push(Entry::directory("de_mo/d/"));
    let honest = draft.lay();
    let row = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0";
    for path in ["de_mo/_speed.c", "ghost.py", "de_mo/d/", "../../../etc/passwd", "/etc/passwd", "DE_MO/__init__.py"] {
        for row in [row, ","] {
            let mut draft = draft.clone();
            draft.record = Some(format!("{path},{row}\n{}", draft.record()));
            // Not in the `RECORD` that is laid either.
            assert_eq!(draft.lay(), honest, "{path}");
        }
    }
}

#[test]
fn data_goes_where_the_scheme_says() {
    let laid = Draft::demo()
        .but("WHEEL", &WHEEL.replace("true", "false"))
        .with("de_mo-1.0.data/purelib/pure.py", "p")
        .with("de_mo-1.0.data/platlib/plat.so", "q")
        .with("de_mo-1.0.data/data/share/man/x.1", "man")
        .with("de_mo-1.0.data/headers/x.h", "h")
        .with("de_mo-1.0.data/scripts/tool", "#!python -O\r\nprint()\n")
        .with("de_mo-1.0.data/scripts/binary", "\x7fELF")
        .lay();
    let library = "usr/lib64/python3.12/site-packages";
    for (path, text) in [
        ("usr/lib64/python3.12/site-packages/de_mo/__init__.py", "x = 1\n"),
        ("usr/lib/python3.12/site-packages/pure.py", "p"),
        ("usr/lib64/python3.12/site-packages/plat.so", "q"),
        ("usr/share/man/x.1", "man"),
        ("usr/include/site/python3.12/de-mo/x.h", "h"),
        ("usr/bin/tool", "#!/usr/bin/python3.12\nprint()\n"),
        ("usr/bin/binary", "\x7fELF"),
    ] {
        assert_eq!(laid.text(path), text, "{path}");
    }
    assert_eq!(laid.executables(), ["usr/bin/binary", "usr/bin/tool"]);
    let record = laid.text(&format!("{library}/de_mo-1.0.dist-info/RECORD"));
    let paths: Vec<&str> = record.lines().filter_map(|line| line.split(',').next()).collect();
    assert_eq!(
        &paths[..5],
        [
            "../../../bin/binary",
            "../../../bin/tool",
            "../../../include/site/python3.12/de-mo/x.h",
            "../../../lib/python3.12/site-packages/pure.py",
            "../../../share/man/x.1"
        ]
    );
}

#[test]
fn modes_let_files_be_executed_as_pip_does() {
    let mut draft = Draft::demo();
    for (name, mode) in [("a", 0o100_744), ("b", 0o100_001), ("c", 0o755), ("d", 0o100_644)] {
        draft.entries.push(Entry::file(format!("de_mo/{name}"), "").of_mode(mode));
    }
    let library = "usr/lib/python3.12/site-packages/de_mo";
    assert_eq!(draft.lay().executables(), [format!("{library}/a"), format!("{library}/b")]);
}

#[test]
fn entry_points_become_scripts_in_place_of_those_of_setuptools() {
    let laid = Draft::demo()
        .with_entry_points("[console_scripts]\ntool = de_mo:main\n[gui_scripts]\nwin = de_mo.gui:A.run [x]\n")
        .with("de_mo-1.0.data/scripts/tool", "#!python\nold\n")
        .with("de_mo-1.0.data/scripts/tool-script.py", "#!python\nold\n")
        .with("de_mo-1.0.data/scripts/win.EXE", "old")
        .lay();
    assert_eq!(laid.executables(), ["usr/bin/tool", "usr/bin/win"]);
    assert_eq!(
        laid.text("usr/bin/win"),
        "#!/usr/bin/python3.12\nimport sys\nfrom de_mo.gui import A\nif __name__ == '__main__':\n    \
         sys.argv[0] = sys.argv[0].removesuffix('.exe')\n    sys.exit(A.run())\n"
    );
    let record = laid.text(&format!("{INFO}/RECORD"));
    assert!(!record.contains(".data/") && record.contains("../../../bin/tool,sha256="), "{record}");
}

#[test]
fn pip_has_scripts_for_the_targets_version() {
    let points = "[console_scripts]\npip = p:m\npip3.9 = p:m\npip2 = p:m\npipx = x:m\neasy_install = e:m\n\
                  easy_install-3.9 = e:m\n";
    let draft = Draft::demo().with_entry_points(points);
    let mut names =
        ["easy_install", "easy_install-3.12", "pip", "pip3", "pip3.12", "pipx"].map(|n| format!("usr/bin/{n}"));
    assert_eq!(draft.lay().executables(), names);

    let mut scheme = scheme();
    scheme.python.minor = 13;
    let laid = Laid::of(&draft.open().unwrap().lay(&scheme, false).unwrap());
    names[1] = "usr/bin/easy_install-3.13".to_owned();
    names[4] = "usr/bin/pip3.13".to_owned();
    assert_eq!(laid.executables(), names);
}

#[test]
fn two_members_for_one_path_have_to_be_the_same() {
    let twice = |content: &str| {
        let draft = Draft::demo().with("de_mo-1.0.data/purelib/de_mo/__init__.py", content);
        draft.open().unwrap().lay(&scheme(), false).map(|distribution| distribution.files.len())
    };
    assert_eq!(twice("x = 1\n").unwrap(), 6);
    assert_eq!(
        twice("x = 2\n").unwrap_err().why,
        "`de_mo-1.0.data/purelib/de_mo/__init__.py` and `de_mo/__init__.py` would both be \
         `/usr/lib/python3.12/site-packages/de_mo/__init__.py`"
    );
}

#[test]
fn digests_of_other_strong_algorithms_are_checked_at_once() {
    let draft = |digest: &str| {
        let mut draft = Draft::demo().with("de_mo/empty", "");
        let sha256 = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
        draft.record = Some(draft.record().replace(sha256, digest));
        draft
    };
    let of_nothing = "sha384=OLBgp1GsljhM2TJ-sbHjaiH9txEUvgdDTAzHv2P24donTt6_529l-9Ua0vFImLlb";
    let laid = draft(of_nothing).lay();
    assert_eq!(laid.text("usr/lib/python3.12/site-packages/de_mo/empty"), "");
    assert!(laid.text(&format!("{INFO}/RECORD")).contains("de_mo/empty,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NM"));
    let other = of_nothing.replace("OLBg", "aaaa");
    assert_eq!(draft(&other).open().unwrap_err(), "its member `de_mo/empty` is not what RECORD says");
}

#[test]
fn names_and_versions_fit_in_any_of_their_forms() {
    let mut draft = Draft::demo();
    draft.file = "De.Mo-1-py3-none-any.whl".to_owned();
    assert_eq!(draft.open().unwrap().lay(&scheme(), false).unwrap().version, "1.0.0");
    let draft = Draft::demo().but("WHEEL", &WHEEL.replace("1.0", "1.9"));
    assert!(draft.open().is_ok());
    let draft = Draft::demo().but("WHEEL", &WHEEL.replace("Root-Is-Purelib: true\n", ""));
    assert!(
        Laid::of(&draft.open().unwrap().lay(&scheme(), false).unwrap())
            .has("usr/lib64/python3.12/site-packages/de_mo/__init__.py")
    );
}

#[test]
fn an_empty_data_path_is_the_root() {
    let mut scheme = scheme();
    scheme.data = b"".as_slice().into();
    let wheel = Draft::demo().with("de_mo-1.0.data/data/etc/x", "x").open().unwrap();
    let laid = Laid::of(&wheel.lay(&scheme, false).unwrap());
    assert!(laid.has("etc/x"));
    assert!(laid.text(&format!("{INFO}/RECORD")).starts_with("../../../../etc/x,sha256="));
}

#[test]
fn nothing_is_laid_for_a_scheme_that_makes_no_sense() {
    let wheel = Draft::demo().with_entry_points("[console_scripts]\na = b:c\n").open().unwrap();
    let lay = |change: &dyn Fn(&mut Scheme)| {
        let mut scheme = scheme();
        change(&mut scheme);
        wheel.lay(&scheme, false).map(|_| ()).unwrap_err().to_string()
    };
    let refused = |why: &str| format!("the wheel `de_mo-1.0-py3-none-any.whl` is refused: {why}");
    let no_text = lay(&|scheme| scheme.data = b"usr\xff".as_slice().into());
    assert_eq!(no_text, refused("it cannot be laid into `usr\u{fffd}`, which is not UTF-8"));
    let two_lines = lay(&|scheme| scheme.interpreter = "/usr/bin/a\nb".to_owned());
    assert_eq!(two_lines, refused("no script can name the interpreter `/usr/bin/a\u{fffd}b`"));
    let none = lay(&|scheme| scheme.interpreter.clear());
    assert_eq!(none, refused("it has scripts, and the interpreter for them is not known"));
}

/// Paths and digests of what a wheel lays, if nothing is wrong with any of its bytes.
fn digests(name: &str, written: &Written) -> Option<Vec<(Box<[u8]>, Digest)>> {
    let distribution = open(name, written).ok()?.lay(&scheme(), false).ok()?;
    let mut digests = Vec::new();
    for file in &distribution.files {
        let mut content = Vec::new();
        file.content.source.open().ok()?.read_to_end(&mut content).ok()?;
        (Digest::of(&content) == file.content.digest).then_some(())?;
        digests.push((file.path.clone(), file.content.digest));
    }
    Some(digests)
}

#[derive(Debug, Clone)]
enum Change {
    Byte(prop::sample::Index, u8),
    Cut(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Copy(prop::sample::Index, prop::sample::Index, u8),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// However a wheel is damaged, it is refused or lays what it laid.
    #[test]
    fn damage_is_noticed_or_does_not_matter(
        changes in prop::collection::vec(
            prop_oneof![
                4 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
                1 => (any::<prop::sample::Index>(), 1..40u8).prop_map(|(at, count)| Change::Cut(at, count)),
                1 => (any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 1..40))
                    .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
                1 => (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..60u8)
                    .prop_map(|(from, to, count)| Change::Copy(from, to, count)),
            ],
            1..4,
        )
    ) {
        let draft = Draft::demo().with_entry_points("[console_scripts]\na = b:c\n").with("de_mo/empty", "");
        let mut written = draft.write();
        let intact = digests(&draft.file, &written);
        prop_assert!(intact.is_some());
        for change in changes {
            let bytes = &mut written.bytes;
            if bytes.is_empty() {
                break;
            }
            match change {
                Change::Byte(at, byte) => *at.get_mut(bytes) = byte,
                Change::Cut(at, count) => {
                    let at = at.index(bytes.len());
                    bytes.drain(at..bytes.len().min(at + usize::from(count)));
                }
                Change::Insert(at, new) => {
                    let at = at.index(bytes.len());
                    bytes.splice(at..at, new);
                }
                Change::Copy(from, to, count) => {
                    let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
                    let count = usize::from(count).min(bytes.len() - from.max(to));
                    bytes.copy_within(from..from + count, to);
                }
            }
        }
        let damaged = digests(&draft.file, &written);
        prop_assert!(damaged.is_none() || damaged == intact);
    }
}
