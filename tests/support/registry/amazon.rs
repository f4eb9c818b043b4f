//! Amazon's own interface beside its registry: the operations that matter for pushing, told from what the registry
//! really holds. Clients reach it by `AWS_ENDPOINT_URL` at the registry's address.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::http::{Body, Response};
use super::quirks::Auth;
use super::{Call, lock};

const LARGEST_REQUEST: usize = 1 << 20;
/// 2100, in seconds since 1970.
const FAR_AWAY: u64 = 4_102_444_800;

/// What the interface remembers.
#[derive(Default)]
pub(super) struct Amazon {
    /// Operations and their parameters, in their order.
    pub(super) asked: Vec<(String, Value)>,
    /// How many passwords have ended.
    generation: u32,
    /// Requests for which the present one was good.
    used: u32,
}

/// The password that is good now.
fn password(call: &Call, generation: u32) -> String {
    match (&call.quirks.auth, generation) {
        (Auth::Basic { password, .. }, 0) => password.clone(),
        (Auth::Basic { password, .. }, generation) => format!("{password}.{generation}"),
        _ => "anything".to_owned(),
    }
}

/// Whether a password is the good one. Being asked uses it up, if a quirk says so.
pub(super) fn accepts(call: &Call, user: &str, given: &str) -> bool {
    let Auth::Basic { user: wanted, .. } = &call.quirks.auth else { return true };
    let mut amazon = lock(&call.shared.amazon);
    if user != wanted || given != password(call, amazon.generation) {
        return false;
    }
    if call.quirks.password_lasts.is_some_and(|most| amazon.used >= most) {
        amazon.generation += 1;
        amazon.used = 0;
        return false;
    }
    amazon.used += 1;
    true
}

fn refuse(status: u16, code: &str, message: &str) -> Response {
    Response::new(status).json(&json!({ "__type": code, "message": message }))
}

/// `POST /` with the operation in `X-Amz-Target`.
pub(super) fn operation(call: &Call, body: &mut Body) -> io::Result<Response> {
    let Some(bytes) = body.read_all(LARGEST_REQUEST)? else {
        return Ok(refuse(413, "InvalidParameterException", "too large"));
    };
    let target = call.head.header("x-amz-target").unwrap_or_default();
    let (service, operation) = target.split_once('.').unwrap_or_default();
    let signed = |name: &str| {
        call.head.header("authorization").is_some_and(|header| {
            header.starts_with("AWS4-HMAC-SHA256 ") && header.contains(&format!("/{name}/aws4_request"))
        })
    };
    let public = service == "SpencerFrontendService";
    if !signed(if public { "ecr-public" } else { "ecr" }) {
        return Ok(refuse(400, "MissingAuthenticationTokenException", "the request is not signed for this service"));
    }
    let asked: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let mut amazon = lock(&call.shared.amazon);
    amazon.asked.push((operation.to_owned(), asked.clone()));
    if call.quirks.amazon_denies.contains(&operation) {
        let message = format!("User: arn:aws:iam::123456789012:user/ci is not authorized to perform: ecr:{operation}");
        return Ok(refuse(400, "AccessDeniedException", &message));
    }
    let name = asked["repositoryName"].as_str().or_else(|| asked["repositoryNames"][0].as_str()).unwrap_or_default();
    let mut storage = lock(&call.shared.storage);
    let exists = storage.repositories.contains_key(name);
    let missing = || {
        let message =
            format!("The repository with name '{name}' does not exist in the registry with id '123456789012'");
        refuse(400, "RepositoryNotFoundException", &message)
    };
    Ok(match operation {
        "GetAuthorizationToken" => {
            let token = STANDARD.encode(format!("AWS:{}", password(call, amazon.generation)));
            let data = json!({ "authorizationToken": token, "expiresAt": FAR_AWAY });
            Response::new(200).json(&json!({ "authorizationData": if public { data } else { json!([data]) } }))
        }
        "CreateRepository" if exists => refuse(400, "RepositoryAlreadyExistsException", "it is there already"),
        "CreateRepository" => {
            storage.make(name);
            Response::new(200).json(&json!({ "repository": { "repositoryName": name } }))
        }
        _ if !exists => missing(),
        "BatchCheckLayerAvailability" => {
            let digests: Vec<&str> =
                asked["layerDigests"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            if !(1..=100).contains(&digests.len()) {
                return Ok(refuse(400, "InvalidParameterException", "1 to 100 digests"));
            }
            let (there, absent): (Vec<&str>, Vec<&str>) =
                digests.into_iter().partition(|digest| storage.blob(name, digest).is_some());
            let layers =
                there.into_iter().map(|digest| json!({ "layerDigest": digest, "layerAvailability": "AVAILABLE" }));
            let absent =
                absent.into_iter().map(|digest| json!({ "layerDigest": digest, "layerAvailability": "UNAVAILABLE" }));
            Response::new(200).json(&json!({ "layers": layers.chain(absent).collect::<Value>(), "failures": [] }))
        }
        "DescribeRepositories" => {
            let mutability = if call.quirks.immutable_tags { "IMMUTABLE" } else { "MUTABLE" };
            Response::new(200)
                .json(&json!({ "repositories": [{ "repositoryName": name, "imageTagMutability": mutability }] }))
        }
        "PutLifecyclePolicy" => Response::new(200).json(&json!({ "repositoryName": name })),
        _ => refuse(400, "UnknownOperationException", operation),
    })
}

/// `GET /credentials`: what a container finds at `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
pub(super) fn credentials() -> Response {
    Response::new(200).json(&json!({
        "AccessKeyId": "AKIDCONTAINER",
        "SecretAccessKey": "secret",
        "Token": "session",
        "Expiration": "2100-01-01T00:00:00Z",
    }))
}
