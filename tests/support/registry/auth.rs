//! Who may do what: Basic, and the token service of the distribution project.

use std::collections::HashMap;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::amazon;
use super::http::{Body, Head, Response, form};
use super::quirks::Auth;
use super::route::Target;
use super::storage::digest_of;
use super::{Call, lock};

/// Tokens kept beyond this number are forgotten, the expired ones first.
const MOST_TOKENS: usize = 10_000;
const LONGEST_FORM: usize = 64 * 1024;

/// `repository:<name>:<action>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    repository: String,
    action: &'static str,
}

struct Token {
    scopes: Vec<Scope>,
    expires: Instant,
}

/// The tokens given out.
#[derive(Default)]
pub(super) struct Tokens {
    issued: HashMap<String, Token>,
    count: u64,
}

impl Tokens {
    pub(super) fn revoke_all(&mut self) {
        self.issued.clear();
    }

    fn issue(&mut self, token: Token) -> String {
        if self.issued.len() >= MOST_TOKENS {
            let now = Instant::now();
            self.issued.retain(|_, token| token.expires > now);
        }
        if self.issued.len() >= MOST_TOKENS {
            self.issued.clear();
        }
        self.count += 1;
        let name = digest_of(format!("token {}", self.count).as_bytes()).replace("sha256:", "t0k3n.");
        self.issued.insert(name.clone(), token);
        name
    }
}

/// The scopes a request needs; `None` if it needs no proof at all.
fn needs(target: &Target, head: &Head) -> Option<Vec<Scope>> {
    let actions: &[&'static str] = match (target, head.method.as_str()) {
        (Target::Token | Target::Storage { .. } | Target::Amazon | Target::Credentials, _) => return None,
        (Target::Ping | Target::Unknown, _) => &[],
        (Target::Uploads { .. } | Target::Upload { .. }, _) => &["pull", "push"],
        (_, "GET" | "HEAD") => &["pull"],
        (_, "DELETE") => &["delete"],
        _ => &["pull", "push"],
    };
    let of = |repository: &str, action| Scope { repository: repository.to_owned(), action };
    let mut scopes: Vec<Scope> = match target.repository() {
        Some(repository) => actions.iter().map(|action| of(repository, action)).collect(),
        None => Vec::new(),
    };
    if let Target::Uploads { .. } = target
        && let (Some(_), Some(from)) = (head.query("mount"), head.query("from"))
        && Some(from.as_str()) != target.repository()
    {
        scopes.push(of(&from, "pull"));
    }
    Some(scopes)
}

/// `None` if the request may go on, else the challenge.
pub(super) fn challenge(call: &Call, target: &Target) -> Option<Response> {
    let needed = needs(target, call.head)?;
    match &call.quirks.auth {
        Auth::None => None,
        Auth::Basic { .. } => {
            if let Some((user, password)) = basic(call.head) {
                if amazon::accepts(call, &user, &password) {
                    return None;
                }
                if call.quirks.wrong_password_answers_403 {
                    let message = "Your authorization token has expired. Reauthenticate and try again.";
                    return Some(Response::error(403, "DENIED", message));
                }
            }
            let refused = Response::error(401, "UNAUTHORIZED", "authentication required");
            Some(refused.header("WWW-Authenticate", "Basic realm=\"registry\""))
        }
        Auth::Bearer { .. } => {
            let problem = match bearer(call.head) {
                None => "",
                Some(shown) => match lock(&call.shared.tokens).issued.get(shown) {
                    Some(token) if token.expires <= Instant::now() => ",error=\"invalid_token\"",
                    Some(token) if needed.iter().all(|scope| token.scopes.contains(scope)) => return None,
                    Some(_) => ",error=\"insufficient_scope\"",
                    None => ",error=\"invalid_token\"",
                },
            };
            let realm = match &call.quirks.realm {
                Some(realm) => realm.clone(),
                None => format!("{}/token", call.shared.url()),
            };
            let scope = match words(&needed) {
                words if words.is_empty() => String::new(),
                words => format!(",scope=\"{words}\""),
            };
            let service = call.shared.host();
            let header = format!("Bearer realm=\"{realm}\",service=\"{service}\"{scope}{problem}");
            let refused = Response::error(401, "UNAUTHORIZED", "authentication required");
            Some(refused.header("WWW-Authenticate", header))
        }
    }
}

/// `repository:a:pull,push repository:b:pull`
fn words(scopes: &[Scope]) -> String {
    let mut words: Vec<(&str, Vec<&str>)> = Vec::new();
    for scope in scopes {
        match words.iter_mut().find(|word| word.0 == scope.repository) {
            Some(word) => word.1.push(scope.action),
            None => words.push((&scope.repository, vec![scope.action])),
        }
    }
    let words: Vec<String> =
        words.iter().map(|(name, actions)| format!("repository:{name}:{}", actions.join(","))).collect();
    words.join(" ")
}

fn basic(head: &Head) -> Option<(String, String)> {
    let (scheme, encoded) = head.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    decoded.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

fn bearer(head: &Head) -> Option<&str> {
    let (scheme, token) = head.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The token service: `GET /token` with Basic credentials or none, `POST /token` with a refresh
/// token or a password (OAuth 2). Asked with `offline_token=true` or `access_type=offline`, it
/// gives a refresh token too.
pub(super) fn token(call: &Call, body: &mut Body) -> std::io::Result<Response> {
    let Auth::Bearer { user, password, token_ttl, anonymous_pull } = &call.quirks.auth else {
        return Ok(Response::error(404, "UNSUPPORTED", "this registry has no token service"));
    };
    let asked = match call.head.method.as_str() {
        "GET" => form(&call.head.query),
        "POST" => match body.read_all(LONGEST_FORM)? {
            Some(bytes) => form(&String::from_utf8_lossy(&bytes)),
            None => return Ok(Response::error(413, "UNSUPPORTED", "the form is too long")),
        },
        _ => return Ok(Response::error(405, "UNSUPPORTED", "the token service knows GET and POST")),
    };
    let field = |name: &str| asked.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str());
    let refresh = call.shared.refresh_token();
    let mine = (user.clone(), password.clone());
    let known = match (call.head.method.as_str(), field("grant_type")) {
        ("GET", _) => match (call.head.header("authorization"), anonymous_pull) {
            (Some(_), _) if basic(call.head) == Some(mine) => true,
            (None, true) => false,
            _ => return Ok(Response::error(401, "UNAUTHORIZED", "incorrect username or password")),
        },
        (_, Some("refresh_token")) if field("refresh_token") == Some(&refresh) => true,
        (_, Some("password")) if field("username") == Some(user) && field("password") == Some(password) => true,
        (_, Some("refresh_token" | "password")) => {
            return Ok(Response::error(401, "UNAUTHORIZED", "incorrect refresh token or password"));
        }
        _ => return Ok(Response::error(400, "UNSUPPORTED", "unknown grant_type")),
    };
    let scopes: Vec<Scope> = asked
        .iter()
        .filter(|pair| pair.0 == "scope")
        .flat_map(|pair| pair.1.split(' '))
        .filter_map(|scope| scope.strip_prefix("repository:")?.rsplit_once(':'))
        .flat_map(|(name, actions)| actions.split(',').map(move |action| (name, action)))
        .flat_map(|(name, action)| {
            let granted: &[&'static str] = match action {
                "pull" => &["pull"],
                "push" if known => &["push"],
                "delete" if known => &["delete"],
                "*" if known => &["pull", "push", "delete"],
                _ => &[],
            };
            granted.iter().map(move |action| Scope { repository: name.to_owned(), action })
        })
        .collect();
    let granted = words(&scopes);
    let token = lock(&call.shared.tokens).issue(Token { scopes, expires: Instant::now() + *token_ttl });
    let mut answer = json!({
        "token": token,
        "access_token": token,
        "expires_in": token_ttl.as_secs(),
        "scope": granted,
    });
    if field("offline_token") == Some("true") || field("access_type") == Some("offline") {
        answer["refresh_token"] = json!(refresh);
    }
    Ok(Response::new(200).json(&answer))
}
