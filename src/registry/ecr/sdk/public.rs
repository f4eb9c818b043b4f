//! ECR Public's one question that matters here: a token to push with.
//!
//! Its interface is a service of its own (`ecr-public`, in one region). Signing the one request here spares a second
//! SDK of some ten thousand lines.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde::Deserialize;

use super::transport::send;
use super::{ATTEMPT, PUBLIC_REGION, answered, endpoint, no_credentials};
use crate::registry::ecr::interface::{Failed, Reason, Token};
use crate::registry::transport::Transport;

/// The name under which requests are signed.
const SERVICE: &str = "ecr-public";
/// The operation, as [the interface's protocol](https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html) names
/// it.
const TARGET: &str = "SpencerFrontendService.GetAuthorizationToken";
const ENDPOINT: &str = "https://api.ecr-public.us-east-1.amazonaws.com";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    authorization_data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    authorization_token: String,
    #[serde(default)]
    expires_at: Option<f64>,
}

#[derive(Deserialize, Default)]
struct Refusal {
    #[serde(default, rename = "__type")]
    code: String,
    #[serde(default, alias = "Message")]
    message: String,
}

/// A token for pushing to ECR Public.
pub(super) async fn token(config: &SdkConfig, transport: &Transport) -> Result<Token, Failed> {
    let provider = config.credentials_provider().ok_or_else(|| Failed::other("there are no credentials"))?;
    let credentials = provider.provide_credentials().await.map_err(|error| no_credentials(&error))?;
    let place = endpoint(config, "ECR PUBLIC").unwrap_or_else(|| ENDPOINT.to_owned());
    let url: Url = place.parse().map_err(|_| Failed::other(format!("`{place}` is not a URL")))?;
    let body = Bytes::from_static(b"{}");
    let headers = signed(&url, &body, &credentials.into(), SystemTime::now())?;
    let sent = tokio::time::timeout(ATTEMPT, send(transport, Method::POST, &url, headers, &body)).await;
    let unreachable = |message: String| Failed { reason: Reason::Unreachable, code: String::new(), message };
    let (response, body) = sent
        .map_err(|_| unreachable(format!("no answer in {} s", ATTEMPT.as_secs())))?
        .map_err(|cause| unreachable(cause.to_string()))?;
    if !response.status().is_success() {
        let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
        return Err(answered(response.status().as_u16(), &refusal.code, &refusal.message));
    }
    let answer: Answer = serde_json::from_slice(&body).map_err(|_| Failed::other("Amazon's answer holds no token"))?;
    let expires = answer.authorization_data.expires_at.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let expires = expires.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    Token::read(&answer.authorization_data.authorization_token, expires)
}

/// The request's headers with its signature.
fn signed(url: &Url, body: &Bytes, identity: &Identity, now: SystemTime) -> Result<HeaderMap, Failed> {
    let invalid = |error: &dyn std::fmt::Display| Failed::other(format!("the request cannot be signed: {error}"));
    let target = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", TARGET)];
    let parameters = v4::SigningParams::builder()
        .identity(identity)
        .region(PUBLIC_REGION)
        .name(SERVICE)
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| invalid(&error))?
        .into();
    let signable = SignableRequest::new("POST", url.as_str(), target.into_iter(), SignableBody::Bytes(body))
        .map_err(|error| invalid(&error))?;
    let (instructions, _) = sign(signable, &parameters).map_err(|error| invalid(&error))?.into_parts();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    for (name, value) in target.iter().copied().skip(1).chain(instructions.headers()) {
        let name = name.parse::<HeaderName>().map_err(|error| invalid(&error))?;
        let mut value = HeaderValue::from_str(value).map_err(|error| invalid(&error))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_that_amazon_computes() {
        let credentials = aws_credential_types::Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            None,
            None,
            "x",
        );
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        let url = ENDPOINT.parse().unwrap();
        let headers = signed(&url, &Bytes::from_static(b"{}"), &credentials.into(), now).unwrap();
        assert_eq!(headers["x-amz-date"], "20150830T123600Z");
        assert_eq!(headers["x-amz-target"], TARGET);
        // What botocore 1.44 computes for the same request.
        assert_eq!(
            headers["authorization"].to_str().unwrap(),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/ecr-public/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
             Signature=7f4ca0d963a87df3d01f6c4ab2257843501fb7772d9351b0a56f5eca8095cd59"
        );
    }
}
