//! Signs the body of a request with a key that the guest does not have.

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt, Full, Limited};
use sha2::Sha256;
use wasmtime_wasi_http::{Error, WasiBody};

use super::send::Failed;
use crate::digest::hex;
use crate::secret::Secret;

/// Bytes of a body that is signed. The signature stands before the body, so
/// the host has to keep it; events are small, and name files by their digest.
const LARGEST: usize = 1 << 20;

/// Puts `sha256=` and the HMAC-SHA256 of the body into `header`, as GitHub's
/// webhooks do.
pub(super) async fn sign(
    request: Request<WasiBody>,
    header: HeaderName,
    key: &Secret,
) -> Result<Request<WasiBody>, Failed> {
    let failed = |why: String| Failed { error: Error::HttpRequestDenied, why, prohibited: None };
    let (mut parts, body) = request.into_parts();
    let body = Limited::new(body, LARGEST).collect().await.map_err(|error| {
        failed(format!("its body cannot be signed, which has to be 1 MiB at most: {error}"))
    })?;
    let body = body.to_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(&body);
    let value = format!("sha256={}", hex(&mac.finalize().into_bytes()));
    let value = HeaderValue::try_from(value).expect("hexadecimal digits are a header's value");
    parts.headers.insert(header, value);
    let body = Full::new(body).map_err(|never| match never {});
    Ok(Request::from_parts(parts, body.boxed_unsync()))
}
