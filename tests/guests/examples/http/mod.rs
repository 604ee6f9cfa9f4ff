//! Requests through `wasi:http`, as short as can be.
#![allow(dead_code, reason = "each guest uses some of it")]

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use wasip2::io::streams::StreamError;

/// The answer to `GET url` with these headers.
pub fn get(url: &str, headers: &[(&str, &str)]) -> Result<IncomingResponse, String> {
    send(url, headers, None)
}

/// The answer to `GET url` or, with a body, to `POST url`.
pub fn send(
    url: &str,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> Result<IncomingResponse, String> {
    let (scheme, rest) = url.split_once("://").ok_or("no URL")?;
    let (authority, path) = rest.split_once('/').ok_or("no path")?;
    let headers: Vec<(String, Vec<u8>)> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().into())).collect();
    let headers = Fields::from_list(&headers).map_err(|error| format!("{error:?}"))?;
    let request = OutgoingRequest::new(headers);
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let wrong = |()| "wrong request".to_owned();
    request.set_scheme(Some(&scheme)).map_err(wrong)?;
    request.set_authority(Some(authority)).map_err(wrong)?;
    request.set_path_with_query(Some(&format!("/{path}"))).map_err(wrong)?;
    let outgoing = match body {
        Some(_) => {
            request.set_method(&Method::Post).map_err(wrong)?;
            Some(request.body().map_err(wrong)?)
        }
        None => None,
    };
    let answer = outgoing_handler::handle(request, None).map_err(|error| format!("{error:?}"))?;
    if let (Some(outgoing), Some(body)) = (outgoing, body) {
        let stream = outgoing.write().map_err(wrong)?;
        stream.blocking_write_and_flush(body.as_bytes()).map_err(|error| error.to_string())?;
        drop(stream);
        OutgoingBody::finish(outgoing, None).map_err(|error| format!("{error:?}"))?;
    }
    answer.subscribe().block();
    match answer.get() {
        Some(Ok(Ok(response))) => Ok(response),
        Some(Ok(Err(error))) => Err(format!("{error:?}")),
        _ => Err("no answer".to_owned()),
    }
}

/// How many bytes a body has, and how it ends.
pub fn length(response: IncomingResponse) -> (usize, String) {
    let mut length = 0;
    let Ok(body) = response.consume() else { return (0, "no body".to_owned()) };
    let Ok(stream) = body.stream() else { return (0, "no stream".to_owned()) };
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(piece) => length += piece.len(),
            Err(StreamError::Closed) => return (length, "closed".to_owned()),
            Err(StreamError::LastOperationFailed(error)) => {
                return (length, error.to_debug_string());
            }
        }
    }
}
