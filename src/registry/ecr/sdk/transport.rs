//! Transport: the SDK's requests over ours.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use tokio::time::timeout;

use crate::registry::cause::Cause;
use crate::registry::ecr::interface::payer;
use crate::registry::transport::{Body, Exchange, Fault, Response, Transport};

/// The largest answer read: 4 MiB.
const MAX_ANSWER: u64 = 4 << 20;

/// Makes connectors that all send through one transport.
#[derive(Debug)]
pub(super) struct Http(Arc<Transport>);

impl Http {
    pub(super) fn new(transport: Arc<Transport>) -> Http {
        Http(transport)
    }
}

#[derive(Debug)]
struct Connector {
    transport: Arc<Transport>,
    /// How long an answer may take to begin, if that is limited: on a machine that is no instance of Amazon's, nobody
    /// answers for its metadata.
    patience: Option<Duration>,
}

impl HttpClient for Http {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let patience = settings.read_timeout().map(|read| read + settings.connect_timeout().unwrap_or_default());
        SharedHttpConnector::new(Connector { transport: self.0.clone(), patience })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (transport, patience) = (self.transport.clone(), self.patience);
        HttpConnectorFuture::new(async move {
            let user = |what: &str| ConnectorError::user(what.into());
            let method = request.method().parse::<Method>().map_err(|_| user("not a method"))?;
            let url = request.uri().parse::<Url>().map_err(|_| user("not a URL"))?;
            let body = request.body().bytes().ok_or_else(|| user("a body that is no text"))?;
            let body = Bytes::copy_from_slice(body);
            let mut headers = HeaderMap::new();
            for (name, value) in request.headers() {
                let name = name.parse::<HeaderName>().map_err(|_| user("not a header's name"))?;
                let mut value = HeaderValue::from_str(value).map_err(|_| user("not a header's value"))?;
                value.set_sensitive(true);
                headers.append(name, value);
            }
            let sent = send(&transport, method, &url, headers, &body);
            let answered = match patience {
                Some(patience) => timeout(patience, sent).await.unwrap_or(Err(Cause::Idle)),
                None => sent.await,
            };
            let (response, body) = answered.map_err(connector_error)?;
            let status = response.status().as_u16().try_into().map_err(|_| user("not a status"))?;
            let mut answer = HttpResponse::new(status, SdkBody::from(body));
            for (name, value) in response.headers() {
                if let Ok(value) = value.to_str() {
                    answer.headers_mut().append(name.as_str().to_owned(), value.to_owned());
                }
            }
            Ok(answer)
        })
    }
}

/// Sends one request and reads its answer.
pub(super) async fn send(
    transport: &Transport,
    method: Method,
    url: &Url,
    mut headers: HeaderMap,
    body: &Bytes,
) -> Result<(Response, Bytes), Cause> {
    // The transport says this itself.
    headers.remove(CONTENT_LENGTH);
    let traffic = payer();
    let body = if body.is_empty() { Body::Empty } else { Body::Bytes(body) };
    // Requests wait for this one that may have their turn at this very host already.
    let exchange = Exchange { method, url, headers, body, traffic: &traffic, queue: false };
    let mut response = match transport.send(exchange).await {
        Ok(response) => response,
        Err(Fault::Wire(cause)) => return Err(cause),
        Err(Fault::Ours(error)) => return Err(Cause::Request(error.to_string())),
    };
    let body = response.body(MAX_ANSWER).await?;
    Ok((response, body.ok_or_else(|| Cause::Broken("the answer is too large".to_owned()))?))
}

fn connector_error(cause: Cause) -> ConnectorError {
    let text = cause.to_string().into();
    match cause {
        Cause::Idle | Cause::ConnectTimeout => ConnectorError::timeout(text),
        Cause::Dns | Cause::Connect(_) | Cause::Broken(_) | Cause::Truncated { .. } => ConnectorError::io(text),
        Cause::UnknownAuthority(_) | Cause::Tls(_) | Cause::PlainHttp => ConnectorError::other(text, None),
        Cause::Request(_) => ConnectorError::user(text),
    }
}
