//! Which address is which page, and who may ask for it.

use std::net::IpAddr;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming as HttpBody;
use hyper::header::{HeaderValue, SET_COOKIE};
use hyper::{Method, Request, StatusCode};
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use super::asked::{Asked, NoPage};
use super::guard::Login;
use super::reply::{self, Reply};
use super::{Pages, cameras, gallery, layout, metrics, now, plugins, set_up, uploads};

/// Largest body of a form, in bytes, and time for it.
const FORM: usize = 16 << 10;
const FORM_TIMEOUT: Duration = Duration::from_secs(20);

/// The answer to `request`, which came from `peer`.
pub async fn answer(pages: &Pages, request: Request<HttpBody>, peer: IpAddr) -> Reply {
    let guard = &pages.guard;
    if !guard.knows_host(request.headers()) {
        return reply::text(
            StatusCode::MISDIRECTED_REQUEST,
            "Afterimage does not know this name; add it to WEB_HOSTS in config.toml\n",
        );
    }
    let path = request.uri().path().to_owned();
    let Some(below) = path.strip_prefix(pages.settings.base.as_str()) else {
        return match format!("{path}/") == pages.settings.base {
            true => reply::see_other(&pages.settings.base),
            // A proxy that takes its own part of the path away.
            false => dispatch(pages, &path, request, peer).await,
        };
    };
    dispatch(pages, below, request, peer).await
}

async fn dispatch(pages: &Pages, below: &str, request: Request<HttpBody>, peer: IpAddr) -> Reply {
    let guard = &pages.guard;
    let levels = below.trim_start_matches('/').matches('/').count();
    let asked = Asked {
        parts: below
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        range: request.headers().get("range").and_then(|v| v.to_str().ok()).map(str::to_owned),
        up: if levels == 0 { "./".to_owned() } else { "../".repeat(levels) },
    };
    let parts: Vec<&str> = asked.parts.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["style.css"] => return reply::asset("text/css; charset=utf-8", layout::STYLE),
        ["script.js"] => return reply::asset("text/javascript; charset=utf-8", layout::SCRIPT),
        ["icon.svg"] => return reply::asset("image/svg+xml", layout::ICON),
        // Whether it lives is no secret, and tells nothing else.
        ["healthz"] => return reply::text(StatusCode::OK, "ok\n"),
        _ => {}
    }
    let changes = match *request.method() {
        Method::GET | Method::HEAD => false,
        Method::POST => true,
        _ => return reply::text(StatusCode::METHOD_NOT_ALLOWED, "GET or POST\n"),
    };
    if changes && !guard.is_ours(request.headers(), peer) {
        return reply::text(
            StatusCode::FORBIDDEN,
            "this change does not come from a page of this server\n",
        );
    }
    if parts == ["login"] {
        return log_in(pages, &asked, request, peer, changes).await;
    }
    if !guard.lets_in(request.headers()) {
        return match parts.as_slice() {
            ["metrics" | "readyz" | "events", ..] => {
                reply::text(StatusCode::UNAUTHORIZED, "log in, or send the WEB_TOKEN\n")
            }
            _ if changes => reply::text(StatusCode::UNAUTHORIZED, "log in first\n"),
            _ => reply::see_other(&format!("{}login", asked.up)),
        };
    }
    let shown = match (changes, parts.as_slice()) {
        (false, []) => now::page(pages, &asked).await,
        (false, ["events"]) => Ok(pages.events.stream()),
        (false, ["uploads", number]) => uploads::page(pages, &asked, number).await,
        (false, ["uploads", number, kind @ ("files" | "thumbs"), index]) => {
            uploads::file(pages, &asked, number, *kind == "thumbs", index).await
        }
        (true, ["uploads", number, "retry"]) => uploads::retry(pages, number).await,
        (true, ["uploads", number, "drop"]) => uploads::give_up(pages, number).await,
        (false, ["gallery", place @ ..]) => gallery::page(pages, &asked, place).await,
        (false, ["files", place @ ..]) => gallery::file(pages, &asked, place).await,
        (false, ["thumbs", place @ ..]) => gallery::thumb(pages, place).await,
        (false, ["zip", place @ ..]) => gallery::zip(pages, place).await,
        (false, ["cameras"]) => cameras::page(pages, &asked).await,
        (false, ["plugins"]) => Ok(plugins::page(pages, &asked)),
        (false, ["set-up"]) => set_up::page(pages, &asked).await,
        (true, ["set-up", "test"]) => set_up::test(pages, &asked).await,
        (false, ["metrics"]) => metrics::page(pages).await,
        (false, ["readyz"]) => metrics::ready(pages).await,
        (true, ["logout"]) => {
            guard.log_out(request.headers());
            let mut left = reply::see_other("login");
            keep(&mut left, &guard.set_cookie("", request.headers(), peer));
            Ok(left)
        }
        _ => Err(NoPage::NotFound),
    };
    shown.unwrap_or_else(|none| match none {
        NoPage::NotFound => reply::page(
            StatusCode::NOT_FOUND,
            layout::page(&asked.up, "Not found", "", &maud::html! { p { "Nothing is here." } }),
        ),
        NoPage::Failed(words) => reply::page(
            StatusCode::INTERNAL_SERVER_ERROR,
            layout::page(&asked.up, "That did not work", "", &maud::html! { p { (words) } }),
        ),
    })
}

async fn log_in(
    pages: &Pages,
    asked: &Asked,
    request: Request<HttpBody>,
    peer: IpAddr,
    sent: bool,
) -> Reply {
    if !sent {
        return reply::page(StatusCode::OK, layout::login(&asked.up, None));
    }
    let (head, body) = request.into_parts();
    let collected = tokio::time::timeout(FORM_TIMEOUT, Limited::new(body, FORM).collect()).await;
    let Ok(Ok(body)) = collected else {
        return reply::text(StatusCode::BAD_REQUEST, "the form did not arrive\n");
    };
    let body = body.to_bytes();
    let given = form_urlencoded::parse(&body)
        .find_map(|(name, value)| (name == "password").then(|| value.into_owned()));
    let asker = pages.guard.address(&head.headers, peer);
    match pages.guard.log_in(given.unwrap_or_default(), asker).await {
        Login::Welcome(key) => {
            let mut welcome = reply::see_other("./");
            keep(&mut welcome, &pages.guard.set_cookie(&key, &head.headers, peer));
            welcome
        }
        Login::Wrong => {
            tracing::warn!("pages: wrong password from {asker}");
            let again = layout::login(&asked.up, Some("That is not the password."));
            reply::page(StatusCode::UNAUTHORIZED, again)
        }
        Login::Wait(seconds) => {
            let words = format!("Too many wrong passwords. Try again in {seconds} s.");
            reply::page(StatusCode::TOO_MANY_REQUESTS, layout::login(&asked.up, Some(&words)))
        }
    }
}

fn keep(reply: &mut Reply, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        reply.headers_mut().insert(SET_COOKIE, cookie);
    }
}
