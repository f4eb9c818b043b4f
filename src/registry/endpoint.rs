//! Endpoints: which server stands behind a registry's name, how it is spoken to, and who may see its credentials.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

use super::error::Error;

/// Docker Hub as images name it.
const DOCKER_HUB: &str = "docker.io";
/// The server behind Docker Hub.
const DOCKER_HUB_SERVER: &str = "registry-1.docker.io";

/// A server that stands in for a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The registry as images name it: `docker.io`, `host[:port]`.
    pub host: String,
    /// Where to ask instead: `http(s)://host[:port][/prefix]`.
    ///
    /// The prefix is put before the repository's path, as pull-through caches want it
    /// (`https://host/docker-hub` asks for `/v2/docker-hub/library/debian`). A prefix that ends in `/v2` is the root of
    /// the protocol itself (`https://host/api/docker/hub/v2` asks for `/api/docker/hub/v2/library/debian`).
    pub endpoint: String,
}

impl Mirror {
    /// Whether requests can be made of it.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        if self.host.is_empty() || self.host.contains(|c: char| c == '/' || c.is_whitespace()) {
            return Err(format!("`{}` is not the host of a registry", self.host.escape_default()));
        }
        self.url().map(|_| ())
    }

    fn url(&self) -> Result<Url, String> {
        let invalid = |why: String| format!("the mirror of `{}` has an unusable endpoint: {why}", self.host);
        let url = Url::parse(&self.endpoint).map_err(|error| invalid(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(invalid("it must be of the form http(s)://host[:port][/prefix]".to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("it must not hold a password; log in to the mirror's host instead".to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("it must hold neither a query nor a fragment".to_owned()));
        }
        Ok(url)
    }
}

/// The rules of the settings.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    plain_http: Vec<String>,
    mirrors: Vec<(String, Url)>,
    /// Loopback hosts speak TLS too, since somebody named their certificate authority.
    tls_on_loopback: bool,
}

/// The server that answers for a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// The registry as images name it.
    pub(super) host: String,
    /// The root of the protocol, ending in `/v2/`.
    root: Url,
    /// What stands before each repository's path, ending in `/`, or empty.
    prefix: String,
}

/// Whether requests to a host stay on this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback(),
        Ok(IpAddr::V6(address)) => address == Ipv6Addr::LOCALHOST,
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// Whether a host is this machine or what stands right beside it, such as a cloud's metadata: no proxy leads there.
pub(super) fn is_near(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    is_loopback(host)
        || match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => address.is_link_local(),
            // fd00:ec2::/32 is where Amazon's instances and containers find their metadata.
            Ok(IpAddr::V6(address)) => address.is_unicast_link_local() || address.segments()[..2] == [0xfd00, 0x0ec2],
            Err(_) => false,
        }
}

/// The host of `host[:port]`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// Scheme, host and port: what two URLs must share to be the same server.
pub(super) fn origin(url: &Url) -> (String, String, Option<u16>) {
    (url.scheme().to_owned(), url.host_str().unwrap_or_default().to_owned(), url.port_or_known_default())
}

/// A URL's scheme, host and port, for messages: the rest may hold a secret.
pub(super) fn shown(url: &Url) -> String {
    match url.port() {
        Some(port) => format!("{}://{}:{port}", url.scheme(), url.host_str().unwrap_or_default()),
        None => format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()),
    }
}

impl Rules {
    /// Checks the mirrors' endpoints.
    pub(super) fn new(plain_http: &[String], mirrors: &[Mirror], tls_on_loopback: bool) -> Result<Rules, Error> {
        let mut read = Vec::with_capacity(mirrors.len());
        for mirror in mirrors {
            read.push((mirror.host.to_ascii_lowercase(), mirror.url().map_err(Error::Invalid)?));
        }
        let plain_http = plain_http.iter().map(|host| host.to_ascii_lowercase()).collect();
        Ok(Rules { plain_http, mirrors: read, tls_on_loopback })
    }

    /// The server for the registry `host`.
    pub(super) fn endpoint(&self, host: &str) -> Result<Endpoint, Error> {
        let lower = host.to_ascii_lowercase();
        if let Some((_, url)) = self.mirrors.iter().find(|(mirrored, _)| *mirrored == lower) {
            let mut root = url.clone();
            let path = url.path().trim_matches('/');
            let (base, prefix) = if path == "v2" || path.ends_with("/v2") {
                (format!("/{path}/"), String::new())
            } else if path.is_empty() {
                ("/v2/".to_owned(), String::new())
            } else {
                ("/v2/".to_owned(), format!("{path}/"))
            };
            root.set_path(&base);
            return Ok(Endpoint { host: lower, root, prefix });
        }
        let server = if lower == DOCKER_HUB { DOCKER_HUB_SERVER } else { &lower };
        let name = without_port(&lower);
        let plain = self.says_plain(&lower) || (is_loopback(name) && !self.tls_on_loopback);
        let scheme = if plain { "http" } else { "https" };
        let invalid = || Error::Invalid(format!("`{}` is not the host of a registry", host.escape_default()));
        let root = Url::parse(&format!("{scheme}://{server}/v2/")).map_err(|_| invalid())?;
        // A host that is more than a host would put its rest into the URL.
        if root.path() != "/v2/" || !root.username().is_empty() || root.password().is_some() {
            return Err(invalid());
        }
        Ok(Endpoint { host: lower, root, prefix: String::new() })
    }

    /// Whether the user declared plain HTTP for `host[:port]`, with exactly that port or for every port.
    fn says_plain(&self, host: &str) -> bool {
        self.plain_http.iter().any(|plain| plain == host || plain == without_port(host))
    }

    /// Whether what is said to `url` may go unencrypted: on this machine, and where the user declared it.
    pub(super) fn may_be_plain(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let with_port = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        is_loopback(host) || self.says_plain(host) || self.says_plain(&with_port)
    }

    /// Whether the credentials for `endpoint` may be sent to `realm`, where it sends people for tokens.
    ///
    /// The realm is named by whoever answers for the registry, so it gets them only if it is the same server, the same
    /// host, or over https a host of the same registrable domain: `auth.docker.io` for `registry-1.docker.io`.
    pub(super) fn trusts(&self, endpoint: &Endpoint, realm: &Url) -> bool {
        if origin(&endpoint.root) == origin(realm) {
            return true;
        }
        let (Some(ours), Some(theirs)) = (endpoint.root.host_str(), realm.host_str()) else { return false };
        match realm.scheme() {
            "https" => ours == theirs || registrable(ours).is_some_and(|domain| registrable(theirs) == Some(domain)),
            "http" => ours == theirs && self.may_be_plain(realm),
            _ => false,
        }
    }
}

impl Endpoint {
    /// The root of the protocol.
    pub(super) fn root(&self) -> &Url {
        &self.root
    }

    /// The endpoint's own `host[:port]`: a mirror's, if there is one.
    pub(super) fn server(&self) -> String {
        match (self.root.host_str(), self.root.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        }
    }

    /// A repository's name as the server knows it, which scopes name too.
    pub(super) fn name(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The URL of `rest` below the repository `path`.
    pub(super) fn url(&self, path: &str, rest: &[&str]) -> Url {
        let mut url = self.root.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(self.prefix.split('/').filter(|part| !part.is_empty()));
            segments.extend(path.split('/')).extend(rest);
        }
        url
    }

    /// Whether `url` is on this endpoint's server, and may see what belongs to it.
    pub(super) fn owns(&self, url: &Url) -> bool {
        origin(&self.root) == origin(url)
    }
}

/// Second-level names under which the registrars of countries sell third-level names (`co.uk`, `com.au`).
const COUNTRY_SUFFIXES: [&str; 12] = ["ac", "co", "com", "edu", "go", "gob", "gov", "ne", "net", "or", "org", "nom"];

/// Domains whose direct children belong to different people, as in the "private" part of the
/// [public suffix list](https://publicsuffix.org/): where registries and tunnels to them are commonly found.
const SHARED_DOMAINS: [&str; 24] = [
    "amazonaws.com",
    "appspot.com",
    "azurecr.io",
    "azurecr.cn",
    "azurewebsites.net",
    "azurecontainerapps.io",
    "cloudapp.net",
    "cloudfront.net",
    "duckdns.org",
    "fly.dev",
    "github.io",
    "gitlab.io",
    "herokuapp.com",
    "loca.lt",
    "netlify.app",
    "ngrok.app",
    "ngrok.io",
    "ngrok-free.app",
    "ngrok-free.dev",
    "onrender.com",
    "pages.dev",
    "run.app",
    "vercel.app",
    "workers.dev",
];

/// The part of a host's name that one party registered: `docker.io` of `auth.docker.io`.
///
/// A name too short, and an address, have none. The whole public suffix list is 15,000 lines; what is missing here can
/// only let a registry send its own users' credentials to a neighbour that it names itself.
pub(super) fn registrable(host: &str) -> Option<&str> {
    if host.parse::<Ipv4Addr>().is_ok() || host.starts_with('[') {
        return None;
    }
    let last = |labels: usize| {
        let mut dots = host.rmatch_indices('.').map(|(at, _)| at);
        match dots.nth(labels - 1) {
            Some(dot) => Some(&host[dot + 1..]),
            None => (host.split('.').count() == labels).then_some(host),
        }
    };
    let domain = last(2)?;
    let (second, top) = domain.split_once('.')?;
    let shared = SHARED_DOMAINS.contains(&domain) || (top.len() == 2 && COUNTRY_SUFFIXES.contains(&second));
    if shared { last(3) } else { Some(domain) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(plain: &[&str], mirrors: &[(&str, &str)], tls_on_loopback: bool) -> Rules {
        let plain: Vec<String> = plain.iter().map(|host| host.to_string()).collect();
        let mirrors: Vec<Mirror> = mirrors
            .iter()
            .map(|(host, endpoint)| Mirror { host: host.to_string(), endpoint: endpoint.to_string() })
            .collect();
        Rules::new(&plain, &mirrors, tls_on_loopback).unwrap()
    }

    #[test]
    fn hosts_have_servers_and_schemes() {
        let rules = rules(&["plain.example", "one.example:81"], &[], false);
        for (host, url) in [
            ("docker.io", "https://registry-1.docker.io/v2/library/debian/manifests/latest"),
            ("ghcr.io", "https://ghcr.io/v2/library/debian/manifests/latest"),
            ("localhost:5000", "http://localhost:5000/v2/library/debian/manifests/latest"),
            ("127.9.9.9", "http://127.9.9.9/v2/library/debian/manifests/latest"),
            ("[::1]:5000", "http://[::1]:5000/v2/library/debian/manifests/latest"),
            ("[::2]:5000", "https://[::2]:5000/v2/library/debian/manifests/latest"),
            ("plain.example:5000", "http://plain.example:5000/v2/library/debian/manifests/latest"),
            ("PLAIN.example", "http://plain.example/v2/library/debian/manifests/latest"),
            ("one.example:81", "http://one.example:81/v2/library/debian/manifests/latest"),
            ("one.example:82", "https://one.example:82/v2/library/debian/manifests/latest"),
            ("one.example", "https://one.example/v2/library/debian/manifests/latest"),
            ("localhost.example", "https://localhost.example/v2/library/debian/manifests/latest"),
        ] {
            let endpoint = rules.endpoint(host).unwrap();
            assert_eq!(endpoint.url("library/debian", &["manifests", "latest"]).as_str(), url);
        }
        for host in ["", "a b", "a/b", "user@h", "h?x", "h:999999"] {
            assert!(rules.endpoint(host).is_err(), "{host}");
        }
    }

    #[test]
    fn metadata_is_near() {
        for host in
            ["localhost", "127.0.0.1", "[::1]", "169.254.169.254", "169.254.170.2", "[fd00:ec2::254]", "[fe80::1]"]
        {
            assert!(is_near(host), "{host}");
        }
        for host in ["10.0.0.1", "192.168.0.1", "[fd00:ec3::254]", "example.com"] {
            assert!(!is_near(host), "{host}");
        }
    }

    #[test]
    fn a_named_authority_puts_tls_on_loopback() {
        assert_eq!(rules(&[], &[], true).endpoint("localhost:5000").unwrap().root.scheme(), "https");
        assert_eq!(rules(&["localhost"], &[], true).endpoint("localhost:5000").unwrap().root.scheme(), "http");
    }

    #[test]
    fn mirrors_replace_server_scheme_and_prefix() {
        let rules = rules(
            &[],
            &[
                ("docker.io", "http://mirror.example:5000/docker-hub/"),
                ("quay.io", "https://art.example/api/docker/quay/v2"),
                ("ghcr.io", "http://127.0.0.1:4000"),
            ],
            false,
        );
        let url = |host: &str| rules.endpoint(host).unwrap().url("a/b", &["tags", "list"]).to_string();
        assert_eq!(url("docker.io"), "http://mirror.example:5000/v2/docker-hub/a/b/tags/list");
        assert_eq!(url("quay.io"), "https://art.example/api/docker/quay/v2/a/b/tags/list");
        assert_eq!(url("ghcr.io"), "http://127.0.0.1:4000/v2/a/b/tags/list");
        assert_eq!(rules.endpoint("docker.io").unwrap().name("a/b"), "docker-hub/a/b");
        assert_eq!(rules.endpoint("docker.io").unwrap().server(), "mirror.example:5000");
        for endpoint in ["mirror.example", "ftp://h", "https://u:p@h", "https://h/?q", ""] {
            let mirror = Mirror { host: "docker.io".into(), endpoint: endpoint.into() };
            assert!(Rules::new(&[], &[mirror], false).is_err(), "{endpoint}");
        }
    }

    #[test]
    fn segments_cannot_climb() {
        let url = rules(&[], &[], false).endpoint("h.example").unwrap().url("a/../../b", &["manifests", "x/../y?z"]);
        assert_eq!(url.as_str(), "https://h.example/v2/a/b/manifests/x%2F..%2Fy%3Fz");
    }

    #[test]
    fn registrable_domains() {
        for (host, domain) in [
            ("auth.docker.io", Some("docker.io")),
            ("docker.io", Some("docker.io")),
            ("registry.gitlab.example.co.uk", Some("example.co.uk")),
            ("co.uk", None),
            ("mine.azurecr.io", Some("mine.azurecr.io")),
            ("a.dkr.ecr.us-east-1.amazonaws.com", Some("us-east-1.amazonaws.com")),
            ("docker-auth.elastic.co", Some("elastic.co")),
            ("localhost", None),
            ("10.0.0.1", None),
            ("[::1]", None),
        ] {
            assert_eq!(registrable(host), domain, "{host}");
        }
    }

    #[test]
    fn credentials_go_only_to_realms_of_the_registry() {
        let rules = rules(&["plain.example"], &[], false);
        for (host, realm, trusted) in [
            ("docker.io", "https://auth.docker.io/token", true),
            ("docker.io", "http://auth.docker.io/token", false),
            ("docker.io", "https://auth.docker.io.evil.example/token", false),
            ("ghcr.io", "https://ghcr.io/token", true),
            ("ghcr.io", "https://ghcr.io:8443/token", true),
            ("ghcr.io", "http://ghcr.io/token", false),
            ("registry.gitlab.com", "https://gitlab.com/jwt/auth", true),
            ("a.azurecr.io", "https://b.azurecr.io/token", false),
            ("a.co.uk", "https://b.co.uk/token", false),
            ("plain.example:5000", "http://plain.example:5001/token", true),
            ("127.0.0.1:5000", "http://127.0.0.1:5001/token", true),
            ("127.0.0.1:5000", "http://localhost:5001/token", false),
            ("10.0.0.1", "https://10.0.0.2/token", false),
        ] {
            let endpoint = rules.endpoint(host).unwrap();
            assert_eq!(rules.trusts(&endpoint, &realm.parse().unwrap()), trusted, "{host} {realm}");
        }
    }
}
