//! Packages work in the image: they are imported and used, and pip finds nothing wrong.

use serde_json::{Value, json};

use super::pip::{SITE, python_with_packages};
use super::{is_empty, on_python};
use crate::support::Sandbox;
use crate::support::lockfiles::Pinned;
use crate::support::material::{Pip, gather, host, json_of, run_in};
use crate::support::registry::digest_of;
use crate::support::wheels::SmallWheel;

/// Uses each of the larger packages a little, and says what came of it.
const USE: &str = r#"
import importlib.metadata, io, json
import aiohttp, attrs, boto3, certifi, google.api.annotations_pb2, google.protobuf.timestamp_pb2, greenlet, jinja2
import numpy, pandas, pydantic, pydantic_core, requests, yaml, yarl, zope.interface
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from PIL import Image

class Receipt(pydantic.BaseModel):
    total: float
    lines: list[str]

@attrs.define
class Line:
    words: list

def picture():
    out = io.BytesIO()
    Image.new("RGB", (4, 3), (255, 0, 0)).resize((8, 6)).save(out, "PNG")
    return Image.open(io.BytesIO(out.getvalue()))

def sha256(data):
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize().hex()[:8]

class Shop(zope.interface.Interface):
    pass

key = Fernet(Fernet.generate_key())
stamp = google.protobuf.timestamp_pb2.Timestamp(seconds=7)
frame = pandas.DataFrame({"shop": ["a", "b", "a"], "total": [1.5, 2.0, 3.5]})
session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")
print(json.dumps({
    "numpy": float(numpy.array([1.0, 2.0, 3.0]).dot(numpy.array([4.0, 5.0, 6.0]))),
    "solve": numpy.linalg.solve(numpy.array([[2.0, 0.0], [0.0, 4.0]]), numpy.array([2.0, 8.0])).tolist(),
    "pandas": frame.groupby("shop")["total"].sum().to_dict(),
    "pillow": [picture().size, picture().getpixel((7, 5))],
    "cryptography": [sha256(b"receipt"), key.decrypt(key.encrypt(b"secret")).decode()],
    "pydantic": Receipt.model_validate_json('{"total": "2.5", "lines": ["tea"]}').model_dump(),
    "boto3": [session.client("s3").meta.endpoint_url, session.region_name],
    "yaml": yaml.dump({"a": [1, 2]}, Dumper=yaml.CSafeDumper),
    "protobuf": type(stamp).FromString(stamp.SerializeToString()).seconds,
    "attrs": repr(Line(["x"])),
    "jinja2": jinja2.Template("{{ a + 1 }}").render(a=1),
    "greenlet": greenlet.greenlet(lambda: 5).switch(),
    "yarl": str(yarl.URL("http://a/b") / "c"),
    "zope": Shop.getName(),
    "aiohttp": aiohttp.hdrs.ACCEPT,
    "requests": requests.Request("GET", "http://a/", params={"b": 1}).prepare().url,
    "certifi": certifi.contents().count("BEGIN CERTIFICATE") > 50,
    "numpy came from": importlib.metadata.distribution("numpy").read_text("direct_url.json") is not None,
}))
"#;

/// What [`USE`] says wherever the packages are whole.
fn used() -> Value {
    json!({
        "numpy": 32.0,
        "solve": [1.0, 2.0],
        "pandas": {"a": 5.0, "b": 2.0},
        "pillow": [[8, 6], [255, 0, 0]],
        "cryptography": [digest_of(b"receipt")[7..15], "secret"],
        "pydantic": {"total": 2.5, "lines": ["tea"]},
        "boto3": ["https://s3.eu-west-1.amazonaws.com", "eu-west-1"],
        "yaml": "a:\n- 1\n- 2\n",
        "protobuf": 7,
        "attrs": "Line(words=['x'])",
        "jinja2": "2",
        "greenlet": 5,
        "yarl": "http://a/b/c",
        "zope": "Shop",
        "aiohttp": "Accept",
        "requests": "http://a/?b=1",
        "certifi": true,
        "numpy came from": true,
    })
}

/// Names and versions, as `pip list` has them.
fn listed(set: &[std::path::PathBuf]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> =
        set.iter().map(|wheel| Pinned::of(wheel)).map(|pinned| (pinned.name, pinned.version)).collect();
    all.sort();
    all
}

/// What `pip list --format=json` says, in the same form.
fn list_of(said: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let name = |value: &Value| text(value).replace(['_', '.'], "-").to_lowercase();
    let all = said.as_array().unwrap().iter();
    let mut all: Vec<(String, String)> = all.map(|item| (name(&item["name"]), text(&item["version"]))).collect();
    all.sort();
    all
}

const LIST: [&str; 5] = ["-m", "pip", "--disable-pip-version-check", "list", "--format=json"];

#[test]
fn packages_of_the_interpreter_work() {
    let sandbox = Sandbox::new();
    let image = python_with_packages(&sandbox, "");
    let root = image.path("");
    assert_eq!(json_of(&root, &[], &["-c", USE]), used());
    assert_eq!(run_in(&root, &[], &["-m", "pip", "check"]), "No broken requirements found.\n");
    assert_eq!(list_of(&json_of(&root, &[], &LIST)), listed(&host().wheels()));
    // Scripts find their interpreter by themselves.
    for (script, words) in [("black", "black, 26."), ("pytest", "pytest 9."), ("ninja", "1.13"), ("jp.py", "usage: ")] {
        let flag = if script == "jp.py" { "--help" } else { "--version" };
        let program = format!("/usr/local/bin/{script}");
        let said = crate::support::tools::tool("chroot", [root.to_str().unwrap(), &program, flag]);
        assert!(said.starts_with(words), "{script}: {said}");
    }
}

#[test]
fn packages_of_a_folder_work() {
    let sandbox = Sandbox::new();
    let image = python_with_packages(&sandbox, "into = \"/srv/packages/\"\n");
    let root = image.path("");
    assert!(is_empty(&image.path(&format!("usr/local/{SITE}"))));
    let path = ["PYTHONPATH=/srv/packages"];
    assert_eq!(json_of(&root, &path, &["-c", USE]), used());
    assert_eq!(run_in(&root, &path, &["-m", "pip", "check"]), "No broken requirements found.\n");
    let list = [&LIST[..], &["--path", "/srv/packages"]].concat();
    assert_eq!(list_of(&json_of(&root, &path, &list)), listed(&host().wheels()));
}

#[test]
fn pip_sees_what_is_missing() {
    let sandbox = Sandbox::new();
    gather(&host().wheels_of(&["pip"]), &sandbox.path("wheelhouse"));
    SmallWheel::new("needy", "1.0").requires("none>=1").write(&sandbox.path("wheelhouse"));
    on_python(&sandbox, "wheels = \"wheelhouse/*.whl\"\npython = \"3.11\"\n");
    sandbox.build(&["app.toml"]);
    let image = sandbox.unpack("app");
    let script = "import subprocess, sys\n\
                  run = subprocess.run([sys.executable, '-B', '-m', 'pip', 'check'], capture_output=True, text=True)\n\
                  print(run.returncode, run.stdout)";
    let said = run_in(&image.path(""), &[], &["-c", script]);
    assert_eq!(said.trim_end(), "1 needy 1.0 requires none, which is not installed.");
}

/// The judge itself: the packages work where pip laid them.
#[test]
fn the_material_works() {
    let pip = Pip::new();
    pip.install(&host().wheels(), &["--prefix=/usr/local"]);
    let root = pip.path("");
    assert_eq!(json_of(&root, &[], &["-c", USE]), used());
    assert_eq!(run_in(&root, &[], &["-m", "pip", "check"]), "No broken requirements found.\n");
    assert_eq!(list_of(&json_of(&root, &[], &LIST)), listed(&host().wheels()));
}
