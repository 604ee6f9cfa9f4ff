//! "Am I behind a captive portal?": the check that most models make on `/` of
//! one of three hosts before anything else (`protocol.md` 5). Each host wants
//! another answer; two want a redirect or a cookie, depending on the model, so
//! they get both in turn, counted for each camera and host by itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::header::{ETAG, HeaderValue, SERVER, SET_COOKIE};

use super::reply::Reply;

/// After this long a camera begins with the redirect again.
const FORGET: Duration = Duration::from_secs(5 * 60);

/// Cameras remembered. A stranger who asks from more addresses only makes
/// everybody begin with the redirect.
const REMEMBERED: usize = 1024;

/// A host that wants a redirect or a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Portal {
    Yahoo,
    Msn,
}

/// Answers checks and remembers what each camera heard last.
#[derive(Default)]
pub(super) struct Hotspot {
    redirected: Mutex<HashMap<(IpAddr, Portal), Instant>>,
}

impl Hotspot {
    /// The answer to `GET /` on `host` (without port, in any case).
    pub(super) fn answer(&self, host: &str, camera: IpAddr) -> Reply {
        match host.trim_end_matches('.').to_ascii_lowercase().as_str() {
            // NX mini wants the empty body, the ETag and the Server.
            "gld.samsungosp.com" => Reply::ok("")
                .with(ETAG, HeaderValue::from_static("\"deadbeef\""))
                .with(SERVER, HeaderValue::from_static("nginx/notreally")),
            "www.yahoo.co.kr" if self.redirects(Portal::Yahoo, camera) => {
                Reply::found("http://yahoo.com")
            }
            "www.yahoo.co.kr" => Reply::ok("YAHOO!").with(
                SET_COOKIE,
                HeaderValue::from_static("samsung=hotspot; Domain=.yahoo.co.kr; Path=/"),
            ),
            "www.msn.com" if self.redirects(Portal::Msn, camera) => Reply::found("http://msn.com"),
            "www.msn.com" => Reply::ok("MSN").with(
                SET_COOKIE,
                HeaderValue::from_static("samsung=hotspot; Domain=.msn.com; Path=/"),
            ),
            _ => Reply::ok(PAGE),
        }
    }

    fn redirects(&self, portal: Portal, camera: IpAddr) -> bool {
        let mut redirected = self.redirected.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if redirected.len() >= REMEMBERED {
            redirected.retain(|_, at| now.duration_since(*at) < FORGET);
            if redirected.len() >= REMEMBERED {
                redirected.clear();
            }
        }
        match redirected.remove(&(camera, portal)) {
            Some(at) if now.duration_since(at) < FORGET => false,
            _ => {
                redirected.insert((camera, portal), now);
                true
            }
        }
    }
}

/// For the browsers of cameras: old WebKit, no script, no modern CSS.
const PAGE: &str = "<html><head><title>Afterimage</title></head><body>\
<h1>Afterimage</h1><p>It works: this camera has reached Afterimage.</p></body></html>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_camera_and_each_host_has_its_own_turn() {
        let hotspot = Hotspot::default();
        let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let status = |host, camera| hotspot.answer(host, camera).into_response().status().as_u16();
        assert_eq!(status("www.msn.com", one), 302);
        assert_eq!(status("www.yahoo.co.kr", one), 302);
        assert_eq!(status("www.msn.com", two), 302);
        assert_eq!(status("www.msn.com", one), 200);
        assert_eq!(status("WWW.MSN.COM.", two), 200);
        assert_eq!(status("www.yahoo.co.kr", one), 200);
        assert_eq!(status("www.msn.com", one), 302);
    }
}
