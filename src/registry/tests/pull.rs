//! Reading what a hostile, flaky or busy registry sends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::server::{Reply, Server, anonymous, client, reply, repository};
use crate::digest::Digest;
use crate::image::{Descriptor, media_type};
use crate::registry::{Cause, Error, Settings};

fn blob(bytes: &[u8]) -> Descriptor {
    Descriptor::of("application/octet-stream", bytes)
}

#[tokio::test]
async fn manifests_are_verified() {
    let body = br#"{"schemaVersion":2}"#;
    let digest = Digest::of(body);
    let server = Server::start(move |seen| {
        let manifest = reply(200).header("content-type", media_type::MANIFEST).body(*body);
        match seen.line.rsplit('/').next().unwrap() {
            "plain" => manifest,
            "named" => manifest.header("docker-content-digest", digest.to_string()),
            "lying" => manifest.header("docker-content-digest", Digest::of(b"").to_string()),
            "large" => reply(200).body(vec![b' '; (4 << 20) + 1]),
            "endless" => reply(200).header("transfer-encoding", "chunked").header("content-length", "0"),
            other if other.starts_with("sha256:") => manifest,
            _ => reply(404).body(r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}"#),
        }
    });
    let remote = server.repository("a");
    for reference in ["plain", "named", &digest.to_string()] {
        let manifest = remote.manifest(reference).await.unwrap();
        assert_eq!((manifest.digest, manifest.media_type.as_str()), (digest, media_type::MANIFEST));
        assert_eq!(manifest.bytes, &body[..]);
    }
    let accept = server.seen()[0].headers.iter().filter(|(name, _)| name == "accept").count();
    assert_eq!(accept, 4);
    assert!(matches!(remote.manifest("lying").await.unwrap_err(), Error::WrongDigest { .. }));
    let other = Digest::of(b"other").to_string();
    assert!(matches!(remote.manifest(&other).await.unwrap_err(), Error::WrongDigest { .. }));
    assert!(matches!(remote.manifest("large").await.unwrap_err(), Error::TooLarge { .. }));

    assert_eq!(remote.try_manifest("gone").await.unwrap(), None);
    let error = remote.manifest("gone").await.unwrap_err();
    assert!(error.is_not_found());
    assert_eq!(
        error.to_string(),
        format!(
            "failed to read manifest `{}/a:gone`: the registry answered 404 MANIFEST_UNKNOWN: unknown",
            server.host()
        )
    );
    assert!(matches!(remote.manifest("../x").await.unwrap_err(), Error::Invalid(_)));
}

#[tokio::test]
async fn heads_tell_what_they_can() {
    let server = Server::start(|seen| match seen.line.rsplit('/').next().unwrap() {
        "full" => reply(200)
            .header("content-type", media_type::INDEX)
            .header("content-length", "123")
            .header("docker-content-digest", Digest::of(b"").to_string()),
        "bare" => reply(200),
        _ => reply(404),
    });
    let remote = server.repository("a");
    let full = remote.head_manifest("full").await.unwrap().unwrap();
    assert_eq!((full.digest, full.size), (Some(Digest::of(b"")), Some(123)));
    assert_eq!(full.media_type.as_deref(), Some(media_type::INDEX));
    let bare = remote.head_manifest("bare").await.unwrap().unwrap();
    assert_eq!((bare.digest, bare.media_type), (None, None));
    assert_eq!(remote.head_manifest("gone").await.unwrap(), None);
}

/// Serves `content`, with ranges if `ranges`, and cuts the connection after `piece` bytes each time.
fn cutting(content: Vec<u8>, ranges: bool, piece: usize) -> Server {
    Server::start(move |seen| {
        let range = seen.header("range").and_then(|value| value.strip_prefix("bytes="));
        match range.filter(|_| ranges).and_then(|range| range.split_once('-')) {
            Some((start, end)) => {
                let start: usize = start.parse().unwrap();
                let end = end.parse().map_or(content.len(), |end: usize| end + 1);
                let rest = content[start..end].to_vec();
                let cut = piece.min(rest.len());
                reply(206)
                    .header("content-range", format!("bytes {start}-{}/{}", end - 1, content.len()))
                    .body(rest)
                    .cut(cut)
            }
            None => reply(200).body(content.clone()).cut(piece.min(content.len())),
        }
    })
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_ended() {
    let content: Vec<u8> = (0..600_000_u32).map(|number| (number / 7) as u8).collect();
    let server = cutting(content.clone(), true, 250_000);
    let remote = server.repository("a");
    let mut bytes = Vec::new();
    let last = std::sync::atomic::AtomicU64::new(0);
    let progress = |at: u64| last.store(at, Ordering::SeqCst);
    remote.blob_into(&blob(&content), &mut bytes, &progress).await.unwrap();
    assert!(bytes == content);
    assert_eq!(last.load(Ordering::SeqCst), 600_000);
    assert_eq!(server.lines().len(), 3);
    assert_eq!(server.seen()[1].header("range"), Some("bytes=250000-"));
    assert_eq!(remote.traffic().snapshot().bytes_down, 600_000);

    let endless = cutting(content.clone(), true, 1);
    let error = endless.repository("a").blob(&blob(&content), 1 << 20).await.unwrap_err();
    assert!(matches!(error, Error::Broken { tries: 8, .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_without_ranges_sends_the_beginning_again() {
    let content: Vec<u8> = (0..400_000_u32).map(|number| (number / 3) as u8).collect();
    let sizes = [100_000, 300_000, 400_000];
    let served = AtomicUsize::new(0);
    let whole = content.clone();
    let server = Server::start(move |_| {
        let cut = sizes[served.fetch_add(1, Ordering::SeqCst)];
        reply(200).body(whole.clone()).cut(cut)
    });
    assert!(server.repository("a").blob(&blob(&content), 1 << 20).await.unwrap() == content);
}

#[tokio::test]
async fn wrong_contents_are_not_given_out_whole() {
    let server = Server::start(|_| reply(200).body("hostile"));
    let remote = server.repository("a");
    let error = remote.blob(&blob(b"peacful"), 100).await.unwrap_err();
    assert!(matches!(error, Error::WrongDigest { .. }), "{error}");
    let error = remote.blob(&blob(b"short"), 100).await.unwrap_err();
    assert!(matches!(error, Error::WrongSize { expected: 5, found: 7, .. }), "{error}");
    let error = remote.blob(&blob(b"much longer"), 100).await.unwrap_err();
    assert!(matches!(error, Error::WrongSize { expected: 11, found: 7, .. }), "{error}");
    assert_eq!(server.lines().len(), 3, "what is wrong is not asked for again");
    assert!(matches!(remote.blob(&blob(b"hostile"), 3).await.unwrap_err(), Error::TooLarge { .. }));
    assert_eq!(server.lines().len(), 3);

    let mut reader = remote.blob_reader(&blob(b"peacful"));
    assert!(reader.chunk().await.is_err());
}

#[tokio::test]
async fn ranges_are_read_from_servers_that_know_them_and_from_others() {
    let content: Vec<u8> = (0..=255).collect();
    for ranges in [true, false] {
        let server = cutting(content.clone(), ranges, 256);
        let remote = server.repository("a");
        assert_eq!(remote.blob_range(&blob(&content), 5..9).await.unwrap(), [5, 6, 7, 8]);
        assert_eq!(remote.blob_range(&blob(&content), 250..256).await.unwrap(), (250..=255).collect::<Vec<u8>>());
        assert!(remote.blob_range(&blob(&content), 9..9).await.unwrap().is_empty());
        assert!(remote.blob_range(&blob(&content), 0..257).await.is_err());
        assert_eq!(server.seen()[0].header("range"), Some("bytes=5-8"));
    }
    let liar = Server::start(|_| reply(206).header("content-range", "bytes 0-3/256").body("abcd"));
    let error = liar.repository("a").blob_range(&blob(&content), 5..9).await.unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
}

fn failing(times: usize, failure: Reply) -> Server {
    let asked = AtomicUsize::new(0);
    Server::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) < times {
        true => failure.clone(),
        false => reply(200),
    })
}

#[tokio::test]
async fn what_passes_is_repeated_and_what_does_not_is_not() {
    let exists = async |times, failure: Reply| {
        let server = failing(times, failure);
        let result = server.repository("a").blob_exists(&Digest::of(b"x")).await;
        (result, server.lines().len())
    };
    for status in [408, 429, 500, 502, 503, 504] {
        let (result, requests) = exists(3, reply(status)).await;
        assert!(result.unwrap(), "{status}");
        assert_eq!(requests, 4);
    }
    let (result, requests) = exists(100, reply(500)).await;
    assert!(matches!(result.unwrap_err(), Error::Status { tries: 4, .. }));
    assert_eq!(requests, 4);
    let (result, requests) = exists(100, reply(429)).await;
    assert!(matches!(result.unwrap_err(), Error::Throttled { tries: 8, .. }));
    assert_eq!(requests, 8);
    for status in [400, 403, 405, 418] {
        let (result, requests) = exists(100, reply(status)).await;
        assert!(result.is_err());
        assert_eq!(requests, 1, "{status}");
    }
    // A connection that ends without an answer.
    let (result, requests) = exists(3, reply(0)).await;
    assert!(result.unwrap());
    assert!(requests >= 4);
}

#[tokio::test]
async fn throttling_slows_all_requests_of_the_host() {
    let server = failing(1, reply(429).header("retry-after", "1"));
    let remote = server.repository("a");
    let (first, second) = (remote.clone(), remote.clone());
    let start = Instant::now();
    let first = tokio::spawn(async move { first.blob_exists(&Digest::of(b"x")).await });
    while server.lines().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(second.blob_exists(&Digest::of(b"y")).await.unwrap());
    assert!(start.elapsed() >= Duration::from_millis(990), "{:?}", start.elapsed());
    assert!(first.await.unwrap().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_gets_so_many_requests_at_a_time() {
    use std::sync::Arc;
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, peak) = (now.clone(), most.clone());
    let server = Server::start(move |_| {
        let current = counted.fetch_add(1, Ordering::SeqCst) + 1;
        peak.fetch_max(current, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(20));
        counted.fetch_sub(1, Ordering::SeqCst);
        reply(200)
    });
    let client = client(Settings { concurrency: 3, ..anonymous() });
    let remote = repository(&client, &server.host(), "a");
    let tasks: Vec<_> = (0..12)
        .map(|_| {
            let remote = remote.clone();
            tokio::spawn(async move { remote.blob_exists(&Digest::of(b"x")).await })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap().unwrap());
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn nothing_is_sent_offline() {
    let server = Server::start(|_| reply(200));
    let client = client(Settings { offline: true, ..anonymous() });
    let remote = repository(&client, &server.host(), "a");
    let error = remote.manifest("latest").await.unwrap_err();
    assert!(matches!(error, Error::Offline { .. }));
    assert!(error.to_string().contains(&format!("manifest `{}/a:latest`", server.host())), "{error}");
    assert!(server.lines().is_empty());
    assert_eq!(remote.traffic().snapshot().sent, 0);
}

#[tokio::test]
async fn a_closed_port_and_an_https_server_that_is_none_are_named() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let remote = repository(&client(anonymous()), &closed.to_string(), "a");
    let error = remote.manifest("latest").await.unwrap_err();
    assert!(matches!(error, Error::Broken { cause: Cause::Connect(_), tries: 4, .. }), "{error:?}");
    assert!(error.help().unwrap().contains(&closed.to_string()));

    let plain = Server::start(|_| reply(400));
    let mirror = crate::registry::Mirror { host: "h.example".into(), endpoint: format!("https://{}", plain.host()) };
    let client = client(Settings { mirrors: vec![mirror], ..anonymous() });
    let error = repository(&client, "h.example", "a").manifest("latest").await.unwrap_err();
    assert!(matches!(error, Error::Broken { cause: Cause::PlainHttp, tries: 1, .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("at `https://{}`", plain.host())), "{error}");
}

#[tokio::test]
async fn tags_come_page_by_page() {
    let server = Server::start(|seen| match seen.line.as_str() {
        "GET /v2/a/tags/list?n=1000" => reply(200)
            .header("link", r#"</v2/a/tags/list?n=1000&last=b>; rel="next""#)
            .body(r#"{"name":"a","tags":["a","b"]}"#),
        "GET /v2/a/tags/list?n=1000&last=b" => reply(200).body(r#"{"name":"a","tags":["c"]}"#),
        "GET /v2/none/tags/list?n=1000" => reply(200).body(r#"{"name":"a","tags":null}"#),
        _ => reply(200).header("link", r#"</v2/circle/tags/list?n=2>; rel="next""#).body(r#"{"tags":["x"]}"#),
    });
    assert_eq!(server.repository("a").tags().await.unwrap(), ["a", "b", "c"]);
    assert!(server.repository("none").tags().await.unwrap().is_empty());
    let error = server.repository("circle").tags().await.unwrap_err();
    assert!(error.to_string().contains("circle"), "{error}");
}
