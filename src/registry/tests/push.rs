//! Uploads, mounts and manifests.

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;

use super::server::{Server, reply};
use crate::digest::Digest;
use crate::image::{Descriptor, Repository, media_type};
use crate::registry::{BlobSource, Error, Mirror, MountOutcome, Settings};

fn content() -> Bytes {
    (0..300_000_u32).map(|number| (number / 5) as u8).collect::<Vec<u8>>().into()
}

fn blob(bytes: &[u8]) -> Descriptor {
    Descriptor::of(media_type::LAYER_GZIP, bytes)
}

/// Opens numbered sessions; what becomes of their PUTs, by number, is the test's to say.
fn sessions(put: impl Fn(usize) -> super::server::Reply + Send + Sync + 'static) -> Server {
    let opened = AtomicUsize::new(0);
    Server::start(move |seen| {
        if seen.line.starts_with("POST") {
            assert_eq!(seen.header("content-length"), Some("0"));
            let number = opened.fetch_add(1, Ordering::SeqCst) + 1;
            return reply(202).header("location", format!("/v2/a/blobs/uploads/{number}?state=x%2Fy"));
        }
        if seen.line.starts_with("PUT") {
            let number = seen.line.split(['/', '?']).find_map(|part| part.parse().ok()).unwrap();
            return put(number);
        }
        reply(404)
    })
}

#[tokio::test]
async fn an_upload_is_one_post_and_one_put() {
    let server = sessions(|_| reply(201));
    let remote = server.repository("a");
    let content = content();
    let blob = blob(&content);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("blob");
    std::fs::write(&file, &content).unwrap();
    for source in [BlobSource::Bytes(content.clone()), BlobSource::File(file.clone())] {
        let sent = AtomicU64::new(0);
        remote.upload(&blob, source, None, &|at| sent.store(at, Ordering::SeqCst)).await.unwrap();
        assert_eq!(sent.load(Ordering::SeqCst), 300_000);
    }
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[0].line, "POST /v2/a/blobs/uploads/");
    let put =
        |number: u32| format!("PUT /v2/a/blobs/uploads/{number}?state=x%2Fy&digest=sha256%3A{}", blob.digest.hex());
    for (request, number) in [(&seen[1], 1), (&seen[3], 2)] {
        assert_eq!(request.line, put(number));
        assert_eq!(request.header("content-length"), Some("300000"));
        assert_eq!(request.header("content-range"), None);
        assert!(request.body == content);
    }
    let traffic = remote.traffic().snapshot();
    assert_eq!((traffic.sent, traffic.bytes_up), (4, 600_000));

    std::fs::write(&file, b"changed meanwhile").unwrap();
    let error = remote.upload(&blob, BlobSource::File(file), None, &|_| ()).await.unwrap_err();
    assert!(matches!(error, Error::WrongSize { found: 17, .. }), "{error}");
    let gone = BlobSource::File(folder.path().join("gone"));
    let error = remote.upload(&blob, gone, None, &|_| ()).await.unwrap_err();
    assert!(error.is_local() && error.to_string().contains("gone"), "{error}");
}

#[tokio::test]
async fn an_empty_blob_has_a_length_too() {
    let server = sessions(|_| reply(201));
    let source = BlobSource::Bytes(Bytes::new());
    server.repository("a").upload(&blob(b""), source, None, &|_| ()).await.unwrap();
    assert_eq!(server.seen()[1].header("content-length"), Some("0"));
}

#[tokio::test]
async fn a_retry_opens_a_new_session() {
    for failure in [500, 503, 429, 416, 0] {
        let server = sessions(move |number| reply(if number < 3 { failure } else { 201 }));
        let content = content();
        let source = BlobSource::Bytes(content.clone());
        server.repository("a").upload(&blob(&content), source, None, &|_| ()).await.unwrap();
        let lines: Vec<String> = server.lines().into_iter().filter(|line| !line.starts_with("HEAD")).collect();
        assert_eq!(lines.len(), 6, "{failure}: {lines:?}");
        assert!(lines[5].starts_with("PUT /v2/a/blobs/uploads/3?"), "{lines:?}");
        assert!(lines.iter().all(|line| !line.starts_with("PATCH")));
    }
}

#[tokio::test]
async fn an_upload_that_keeps_failing_or_is_refused_ends() {
    let server = sessions(|_| reply(500));
    let content = content();
    let upload = async |server: &Server| {
        server.repository("a").upload(&blob(&content), BlobSource::Bytes(content.clone()), None, &|_| ()).await
    };
    assert!(matches!(upload(&server).await.unwrap_err(), Error::Status { tries: 4, .. }));
    assert_eq!(server.lines().len(), 8);

    let server = sessions(|_| reply(400).body(r#"{"errors":[{"code":"DIGEST_INVALID"}]}"#));
    let error = upload(&server).await.unwrap_err();
    assert_eq!(error.answer().unwrap().code, "DIGEST_INVALID");
    assert_eq!(server.lines().len(), 2);

    let lie = Digest::of(b"lie").to_string();
    let server = sessions(move |_| reply(201).header("docker-content-digest", lie.clone()));
    assert!(matches!(upload(&server).await.unwrap_err(), Error::WrongDigest { .. }));

    let server = Server::start(|_| reply(404).body(r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#));
    assert!(upload(&server).await.unwrap_err().help().unwrap().contains("must be created"));
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_looked_for() {
    let server = Server::start(|seen| match &seen.line[..4] {
        "POST" => reply(202).header("location", "/up"),
        "HEAD" => reply(200),
        _ => reply(0),
    });
    let content = content();
    let source = BlobSource::Bytes(content.clone());
    server.repository("a").upload(&blob(&content), source, None, &|_| ()).await.unwrap();
    assert_eq!(server.lines().len(), 3);
}

#[tokio::test]
async fn what_is_being_made_goes_up_as_it_comes_to_be() {
    let server = Server::start(|seen| match &seen.line[..4] {
        "POST" => reply(202).header("location", "/up?state=1"),
        "PATC" => reply(202).header("location", "/up?state=2"),
        _ => reply(201),
    });
    let folder = tempfile::tempdir().unwrap();
    let store = crate::store::Store::open(folder.path()).unwrap();
    let content = content();
    let digest = blob(&content).digest;
    let mut new = store.new_blob().unwrap();
    let growing = new.growing().unwrap();
    let remote = server.repository("a");
    let sent = AtomicU64::new(0);
    let progress = |at| sent.store(at, Ordering::SeqCst);
    let writing = async {
        for piece in content.chunks(100_000) {
            new.write_all(piece).unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        new.commit(&digest).unwrap();
    };
    let (there, ()) = futures_util::future::join(remote.upload_growing(growing, &progress), writing).await;
    assert!(there.unwrap());
    assert_eq!(sent.load(Ordering::SeqCst), 300_000);
    let seen = server.seen();
    assert_eq!(
        server.lines()[1..],
        ["PATCH /up?state=1", &format!("PUT /up?state=2&digest=sha256%3A{}", digest.hex())]
    );
    assert!(seen[1].body == content);
    assert_eq!((seen[1].header("content-range"), seen[2].header("content-length")), (None, Some("0")));

    // What is given up goes nowhere, and is nobody's fault.
    let mut new = store.new_blob().unwrap();
    let growing = new.growing().unwrap();
    new.write_all(b"the beginning").unwrap();
    drop(new);
    assert!(!remote.upload_growing(growing, &|_| ()).await.unwrap());
    assert!(remote.takes_growing());
    assert!(!server.lines()[3..].iter().any(|line| line.starts_with("PUT")));
}

#[tokio::test]
async fn where_nothing_goes_up_while_it_is_made() {
    let store = tempfile::tempdir().unwrap();
    let store = crate::store::Store::open(store.path()).unwrap();
    let growing = || {
        let mut new = store.new_blob().unwrap();
        let growing = new.growing().unwrap();
        new.commit(&Digest::of(b"")).unwrap();
        growing
    };
    for (status, again) in [(405, false), (501, false), (0, false), (401, true), (429, true), (500, true)] {
        let server = Server::start(move |seen| match &seen.line[..4] {
            "POST" => reply(202).header("location", "/up"),
            _ => reply(status),
        });
        let remote = server.repository("a");
        assert!(!remote.upload_growing(growing(), &|_| ()).await.unwrap());
        assert_eq!(remote.takes_growing(), again, "{status}");
        assert_eq!(server.lines().len(), 2, "{status}");
    }
    let client = super::server::client(super::server::anonymous());
    for (host, takes) in [("ghcr.io", true), ("123456789012.dkr.ecr.us-east-1.amazonaws.com", false)] {
        assert_eq!(super::server::repository(&client, host, "a").takes_growing(), takes, "{host}");
    }
}

#[tokio::test]
async fn a_mirror_that_is_amazons_gets_nothing_while_it_is_made() {
    let endpoint = "https://123456789012.dkr.ecr.us-east-1.amazonaws.com/docker-hub".to_owned();
    let mirrors = vec![Mirror { host: "docker.io".to_owned(), endpoint }];
    let client = super::server::client(Settings { mirrors, ..super::server::anonymous() });
    assert!(!super::server::repository(&client, "docker.io", "library/a").takes_growing());
    assert!(super::server::repository(&client, "ghcr.io", "a").takes_growing());
}

#[tokio::test]
async fn what_a_session_says_it_holds_is_what_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::store::Store::open(folder.path()).unwrap();
    let content = content();
    let digest = blob(&content).digest;
    for (range, is_whole) in [
        ("0-299999", true),
        ("bytes=0-299999", true),
        ("0-99999", false),
        ("0-0", false),
        ("0-18446744073709551615", true),
        ("nonsense", true),
    ] {
        let server = Server::start(move |seen| match &seen.line[..3] {
            "POS" => reply(202).header("location", "/up"),
            "PAT" => reply(202).header("location", "/up").header("range", range),
            _ => reply(201),
        });
        let mut new = store.new_blob().unwrap();
        let growing = new.growing().unwrap();
        new.write_all(&content).unwrap();
        new.commit(&digest).unwrap();
        let remote = server.repository("a");
        assert_eq!(remote.upload_growing(growing, &|_| ()).await.unwrap(), is_whole, "{range}");
        assert_eq!((server.lines().len(), remote.takes_growing()), (if is_whole { 3 } else { 2 }, is_whole), "{range}");
    }
}

#[tokio::test]
async fn what_is_refused_early_is_not_sent_to_its_end() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let (told, counted) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, told) = (stream.unwrap(), told.clone());
            std::thread::spawn(move || {
                stream.set_read_timeout(Some(std::time::Duration::from_secs(3))).unwrap();
                let mut buffer = vec![0; 64 << 10];
                loop {
                    let read = stream.read(&mut buffer).unwrap_or(0);
                    if read == 0 {
                        return;
                    }
                    if buffer.starts_with(b"POST") {
                        stream.write_all(b"HTTP/1.1 202 X\r\nlocation: /up\r\ncontent-length: 0\r\n\r\n").unwrap();
                        continue;
                    }
                    // The PATCH: refused by its head. What comes all the same is counted.
                    stream.write_all(b"HTTP/1.1 405 X\r\ncontent-length: 0\r\n\r\n").unwrap();
                    let mut bytes = 0;
                    while let Ok(read @ 1..) = stream.read(&mut buffer) {
                        bytes += read;
                    }
                    let _ = told.send(bytes);
                    return;
                }
            });
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let store = crate::store::Store::open(folder.path()).unwrap();
    let mut new = store.new_blob().unwrap();
    let growing = new.growing().unwrap();
    let remote = super::server::repository(&super::server::client(super::server::anonymous()), &host, "a");
    assert!(!remote.upload_growing(growing, &|_| ()).await.unwrap());
    let piece = vec![7; 1 << 20];
    for _ in 0..8 {
        new.write_all(&piece).unwrap();
    }
    new.commit(&Digest::of(&piece.repeat(8))).unwrap();
    let counted = tokio::task::spawn_blocking(move || counted.recv_timeout(std::time::Duration::from_secs(20)));
    let bytes = counted.await.unwrap().unwrap();
    assert!(bytes < 1 << 20, "{bytes} bytes were sent to nobody");
}

#[tokio::test]
async fn a_mount_is_done_or_is_an_upload_already() {
    let server = Server::start(|seen| match (&seen.line[..4], seen.line.contains("from=base%2Fos")) {
        ("POST", true) => reply(201),
        ("POST", false) => reply(202).header("location", "/v2/a/blobs/uploads/7"),
        _ => reply(201),
    });
    let remote = server.repository("a");
    let content = content();
    let blob = blob(&content);
    let from = |path: &str| Repository { host: server.host(), path: path.into() };
    assert!(matches!(remote.mount(&blob.digest, &from("base/os")).await.unwrap(), MountOutcome::Mounted));
    let MountOutcome::Session(session) = remote.mount(&blob.digest, &from("other")).await.unwrap() else { panic!() };
    remote.upload(&blob, BlobSource::Bytes(content), Some(session), &|_| ()).await.unwrap();
    let lines = server.lines();
    let digest = blob.digest.hex();
    assert_eq!(lines[0], format!("POST /v2/a/blobs/uploads/?mount=sha256%3A{digest}&from=base%2Fos"));
    assert_eq!(lines[2], format!("PUT /v2/a/blobs/uploads/7?digest=sha256%3A{digest}"));
    assert_eq!(lines.len(), 3);
}

#[tokio::test]
async fn blobs_stream_from_registry_to_registry() {
    let content = content();
    let served = content.clone();
    let source = Server::start(move |seen| match seen.line.contains("hostile") {
        true => reply(200).body(vec![0; 300_000]),
        false => match seen.header("range") {
            None => reply(200).body(served.clone()).cut(100_000),
            Some(range) => {
                assert_eq!(range, "bytes=100000-");
                let range = "bytes 100000-299999/300000";
                reply(206).header("content-range", range).body(served[100_000..].to_vec())
            }
        },
    });
    let target = sessions(|_| reply(201));
    let blob = blob(&content);
    let from = source.repository("base");
    target.repository("a").upload(&blob, BlobSource::Remote(&from), None, &|_| ()).await.unwrap();
    assert!(target.seen()[1].body == content);
    assert_eq!(from.traffic().snapshot().bytes_down, 300_000);

    // What is not what it should be never becomes a whole body.
    let from = source.repository("hostile");
    let error = target.repository("a").upload(&blob, BlobSource::Remote(&from), None, &|_| ()).await.unwrap_err();
    assert!(matches!(error, Error::WrongDigest { .. }), "{error}");
    assert_eq!(target.lines().iter().filter(|line| line.starts_with("PUT")).count(), 1);
}

#[tokio::test]
async fn more_uploads_than_turns_within_one_registry_come_to_an_end() {
    let content = content();
    let served = content.clone();
    let server = Server::start(move |seen| match &seen.line[..4] {
        "POST" => reply(202).header("location", "/up"),
        "PUT " => reply(201),
        _ => reply(200).body(served.clone()),
    });
    let target = server.repository("a");
    let blob = blob(&content);
    let client = super::server::client(super::server::anonymous());
    let from = super::server::repository(&client, &server.host(), "base");
    let uploads = (0..30).map(|_| target.upload(&blob, BlobSource::Remote(&from), None, &|_| ()));
    let all = futures_util::future::join_all(uploads);
    let results = tokio::time::timeout(std::time::Duration::from_secs(30), all).await.unwrap();
    assert!(results.into_iter().all(|result| result.is_ok()));
}

#[tokio::test]
async fn manifests_are_put_and_their_digests_compared() {
    let body = Bytes::from_static(br#"{"schemaVersion":2}"#);
    let digest = Digest::of(&body);
    let server = Server::start(move |seen| match seen.line.rsplit('/').next().unwrap() {
        "lying" => reply(201).header("docker-content-digest", Digest::of(b"").to_string()),
        "silent" => reply(201),
        _ => reply(201)
            .header("docker-content-digest", digest.to_string())
            .header("oci-subject", Digest::of(b"s").to_string()),
    });
    let remote = server.repository("a");
    let put = async |reference: &str| remote.put_manifest(reference, media_type::MANIFEST, &body).await;
    let outcome = put("v1").await.unwrap();
    assert_eq!((outcome.digest, outcome.subject), (digest, Some(Digest::of(b"s"))));
    assert_eq!(put("silent").await.unwrap().subject, None);
    assert_eq!(put(&digest.to_string()).await.unwrap().digest, digest);
    assert!(matches!(put("lying").await.unwrap_err(), Error::WrongDigest { .. }));
    assert!(matches!(put(&Digest::of(b"x").to_string()).await.unwrap_err(), Error::WrongDigest { .. }));
    let first = &server.seen()[0];
    assert_eq!(first.line, "PUT /v2/a/manifests/v1");
    assert_eq!(first.header("content-type"), Some(media_type::MANIFEST));
    assert_eq!(first.header("content-length"), Some("19"));
    assert_eq!(first.body, body);
    assert_eq!(server.lines().len(), 4);
}
