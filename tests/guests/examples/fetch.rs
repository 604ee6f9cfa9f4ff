//! Asks for the address in its settings, with a token of its own making, and
//! tells what came of it. With a body in its settings, that is posted; with
//! READ, the beginning of the answer's body is told as well.

use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt, rejection, settings};
use serde_json::Value;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, Scheme};

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    let settings: Value = serde_json::from_str(&settings::json()).unwrap_or_default();
    let url = settings["URL"].as_str().unwrap_or_default();
    fetch(url, settings["BODY"].as_str(), settings["READ"] == true)
        .map(receipt)
        .map_err(|error| Failure::Reject(rejection(error)))
}

fn fetch(url: &str, body: Option<&str>, read: bool) -> Result<String, String> {
    let (scheme, rest) = url.split_once("://").ok_or("no URL")?;
    let (authority, path) = rest.split_once('/').ok_or("no path")?;
    let headers = Fields::from_list(&[("authorization".to_owned(), b"Bearer mine".to_vec())])
        .map_err(|error| format!("{error:?}"))?;
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
        Some(Ok(Ok(response))) => {
            let mut told = format!("status {}", response.status());
            if read {
                let kind = response.headers().get("x-kind").concat();
                let body = response.consume().map_err(wrong)?;
                let stream = body.stream().map_err(wrong)?;
                let text = stream.blocking_read(1 << 10).map_err(|error| error.to_string())?;
                told.push_str(&format!(" {}", String::from_utf8_lossy(&[kind, text].concat())));
            }
            Ok(told)
        }
        Some(Ok(Err(error))) => Err(format!("{error:?}")),
        _ => Err("no answer".to_owned()),
    }
}

action!(deliver);
