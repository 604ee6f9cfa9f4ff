//! "Am I behind a captive portal?": the check that most models make on `/` of
//! one of three hosts before anything else (`protocol.md` 5). Each host wants
//! another answer; two want a redirect or a cookie, depending on the model, so
//! they get both in turn, counted for each camera and host by itself.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::header::{ETAG, HeaderValue, SERVER, SET_COOKIE};

use super::reply::Reply;
use super::settings::{HotspotAnswer, Portal};

/// After this long a camera begins with the redirect again.
const FORGET: Duration = Duration::from_secs(5 * 60);

/// Cameras remembered. A stranger who asks from more addresses only makes
/// everybody begin with the redirect.
const REMEMBERED: usize = 1024;

/// Answers checks and remembers what each camera heard last.
pub(super) struct Hotspot {
    /// What an operator wants a portal to answer always.
    fixed: BTreeMap<Portal, HotspotAnswer>,
    redirected: Mutex<HashMap<(IpAddr, Portal), Instant>>,
}

impl Hotspot {
    pub(super) fn new(fixed: BTreeMap<Portal, HotspotAnswer>) -> Self {
        Self { fixed, redirected: Mutex::default() }
    }

    /// The answer to `GET /` on `host` (without port, in any case), if that is
    /// a host of a check.
    pub(super) fn answer(&self, host: &str, camera: IpAddr) -> Option<Reply> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if host == "gld.samsungosp.com" {
            // NX mini wants the empty body, the ETag and the Server.
            let etag = HeaderValue::from_static("\"deadbeef\"");
            let server = HeaderValue::from_static("nginx/notreally");
            return Some(Reply::ok("").with(ETAG, etag).with(SERVER, server));
        }
        let portal = Portal::ALL.into_iter().find(|portal| portal.host() == host)?;
        let redirects = match self.fixed.get(&portal) {
            Some(answer) => *answer == HotspotAnswer::Redirect,
            None => self.redirects(portal, camera),
        };
        Some(if redirects { redirect(portal) } else { cookie(portal) })
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

fn redirect(portal: Portal) -> Reply {
    Reply::found(match portal {
        Portal::Yahoo => "http://yahoo.com",
        Portal::Msn => "http://msn.com",
    })
}

/// The dot before the domain is what the cameras look for (`protocol.md` 2,
/// D28).
fn cookie(portal: Portal) -> Reply {
    let (body, cookie) = match portal {
        Portal::Yahoo => ("YAHOO!", "samsung=hotspot; Domain=.yahoo.co.kr; Path=/"),
        Portal::Msn => ("MSN", "samsung=hotspot; Domain=.msn.com; Path=/"),
    };
    Reply::ok(body).with(SET_COOKIE, HeaderValue::from_static(cookie))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_camera_and_each_host_has_its_own_turn() {
        let hotspot = Hotspot::new(BTreeMap::new());
        let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let status =
            |host, camera| hotspot.answer(host, camera).unwrap().into_response().status().as_u16();
        assert_eq!(status("www.msn.com", one), 302);
        assert_eq!(status("www.yahoo.co.kr", one), 302);
        assert_eq!(status("www.msn.com", two), 302);
        assert_eq!(status("www.msn.com", one), 200);
        assert_eq!(status("WWW.MSN.COM.", two), 200);
        assert_eq!(status("www.yahoo.co.kr", one), 200);
        assert_eq!(status("www.msn.com", one), 302);
    }
}
