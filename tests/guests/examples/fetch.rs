//! Asks for the address in its settings, with a token of its own making, and
//! tells what came of it. With a body in its settings, that is posted.

use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt, rejection, settings};
use serde_json::Value;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, Scheme};

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    let settings: Value = serde_json::from_str(&settings::json()).unwrap_or_default();
    let url = settings["URL"].as_str().unwrap_or_default();
    fetch(url, settings["BODY"].as_str())
        .map(receipt)
        .map_err(|error| Failure::Reject(rejection(error)))
}

fn fetch(url: &str, body: Option<&str>) -> Result<String, String> {
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
            let kind = response.headers().get("x-kind").concat();
            let told = format!("status {} {}", response.status(), String::from_utf8_lossy(&kind));
            Ok(told.trim_end().to_owned())
        }
        Some(Ok(Err(error))) => Err(format!("{error:?}")),
        _ => Err("no answer".to_owned()),
    }
}

action!(deliver);
