//! The operator's pages: what they show, and whom they let in.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use crate::fixture::{Answer, Request, SUCCESS, Server};

/// Hash of `open sesame`.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$Vcdj3JnR1/mks+I/xPQzYw$EnMAhWGdcgR6k6ke+rSo0WKby7TA282fASKbX77uknQ";

/// A browser that is at the pages of a server.
struct Browser {
    address: SocketAddr,
    cookie: Option<String>,
}

impl Browser {
    fn at(server: &Server) -> Self {
        let line = server.logged(&["pages on http://"]);
        let address = line.rsplit("http://").next().unwrap().trim_end_matches('/');
        Self { address: address.parse().unwrap(), cookie: None }
    }

    fn ask(&self, head: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let cookie = self.cookie.as_ref().map(|c| format!("Cookie: {c}\r\n")).unwrap_or_default();
        let length = body.len();
        let request = format!(
            "{head}\r\n{cookie}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        Answer::read(&mut stream)
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {}", self.address), "")
    }

    fn post(&self, path: &str, body: &str) -> Answer {
        let from = format!("Origin: http://{}\r\nSec-Fetch-Site: same-origin", self.address);
        self.ask(&format!("POST {path} HTTP/1.1\r\nHost: {}\r\n{from}", self.address), body)
    }

    fn log_in(&mut self) {
        let answer = self.post("/login", "password=open+sesame");
        assert_eq!(answer.status, 303, "{answer:?}");
        let cookie = answer.header("set-cookie")[0].to_owned();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
    }
}

fn open() -> Server {
    Server::start("WEB_LISTEN = \"127.0.0.1:0\"\n")
}

fn locked() -> Server {
    Server::start(&format!("WEB_LISTEN = \"127.0.0.1:0\"\nWEB_PASSWORD = \"{HASH}\"\n"))
}

#[test]
fn what_came_is_shown_with_its_fate() {
    let server = open();
    let browser = Browser::at(&server);
    assert!(browser.get("/").body.contains("No photo has come yet"));
    let request = Request::new().title("A <b>holiday</b>").text("\"quoted\" & <script>x</script>");
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.settle();
    let page = browser.get("/").body;
    assert!(page.contains("Delivered last") && page.contains("uploads/1"), "{page}");
    assert!(!page.contains("<script>x"), "{page}");
    let upload = browser.get("/uploads/1");
    assert_eq!(upload.status, 200);
    for words in
        ["delivered", "A &lt;b&gt;holiday&lt;/b&gt;", "SAM_0042.JPG", "Camera@samsungcamera.com"]
    {
        assert!(upload.body.contains(words), "{words}: {}", upload.body);
    }
    assert_eq!(browser.get("/uploads/2").status, 404);
    assert_eq!(browser.get("/uploads/1/files/0").status, 404, "it was delivered and removed");
}

#[test]
fn a_delivery_that_waits_can_be_tried_again_and_given_up() {
    let config = "WEB_LISTEN = \"127.0.0.1:0\"\nRETRY_DELAYS = [\"0 s\", \"1 h\"]\n[ACTIONS]\n\
                  \"a@example.org\" = \"shell\"\n[SHELL]\nCMD = \"sh -c 'exit 75'\"\n";
    let server = Server::start(config);
    let browser = Browser::at(&server);
    assert_eq!(server.send(&Request::new().to(&["a@example.org"]).bytes()).body, SUCCESS);
    server.logged(&["exit code 75"]);
    let page = browser.get("/uploads/1");
    assert!(page.body.contains("queued") && page.body.contains("exit code 75"), "{}", page.body);
    assert_eq!(browser.post("/uploads/1/retry", "").status, 303);
    server.logged_times(&["exit code 75"], 2);
    assert_eq!(browser.post("/uploads/1/drop", "").status, 303);
    assert_eq!(browser.get("/uploads/1").status, 404);
}

#[test]
fn stored_pictures_are_listed_and_served_and_nothing_beside_them() {
    let server = open();
    let browser = Browser::at(&server);
    let folder = server.folder().join("upload/holiday");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("A&B 1.JPG"), "a picture").unwrap();
    std::fs::write(folder.join("page.html"), "<script>alert(1)</script>").unwrap();
    std::fs::write(folder.join(".hidden.jpg"), "h").unwrap();
    std::os::unix::fs::symlink("/etc", folder.join("etc")).unwrap();

    assert!(browser.get("/gallery/").body.contains("holiday"));
    let page = browser.get("/gallery/holiday/").body;
    assert!(page.contains("A&amp;B 1.JPG") && page.contains("A%26B%201.JPG"), "{page}");
    assert!(!page.contains("hidden") && !page.contains("/etc"), "{page}");

    let picture = browser.get("/files/holiday/A%26B%201.JPG");
    assert_eq!((picture.status, picture.header("content-type")), (200, vec!["image/jpeg"]));
    assert_eq!(picture.body, "a picture");
    assert_eq!(picture.header("x-content-type-options"), ["nosniff"]);
    let html = browser.get("/files/holiday/page.html");
    assert_eq!(html.header("content-type"), ["application/octet-stream"]);
    assert!(html.header("content-disposition")[0].starts_with("attachment"));
    assert!(html.header("content-security-policy")[0].contains("sandbox"));

    for path in [
        "/files/holiday/etc/passwd",
        "/files/holiday/.hidden.jpg",
        "/files/../config.toml",
        "/files/%2e%2e/config.toml",
        "/files/holiday%2f..%2f..%2fconfig.toml",
        "/files//etc/passwd",
        "/gallery/holiday/etc/",
        "/gallery/%2e%2e/",
        "/thumbs/..%2fconfig.toml",
        "/files/holiday",
    ] {
        assert_eq!(browser.get(path).status, 404, "{path}");
    }
}

#[test]
fn a_part_of_a_film_is_sent_where_a_browser_asks_for_one() {
    let server = open();
    let browser = Browser::at(&server);
    std::fs::write(server.folder().join("upload/film.mp4"), "0123456789").unwrap();
    let ask = |range: &str| {
        browser.ask(
            &format!("GET /files/film.mp4 HTTP/1.1\r\nHost: {}\r\nRange: {range}", browser.address),
            "",
        )
    };
    let part = ask("bytes=2-4");
    assert_eq!((part.status, part.body.as_str()), (206, "234"));
    assert_eq!(part.header("content-range"), ["bytes 2-4/10"]);
    assert_eq!(ask("bytes=10-").status, 416);
    assert_eq!(ask("bytes=-3").body, "789");
}

#[test]
fn without_the_password_nothing_is_seen() {
    let server = locked();
    let mut browser = Browser::at(&server);
    for path in
        ["/", "/gallery/", "/uploads/1", "/files/a.jpg", "/zip/", "/cameras", "/plugins", "/set-up"]
    {
        let answer = browser.get(path);
        assert_eq!(answer.status, 303, "{path}");
        assert!(answer.header("location")[0].ends_with("login"), "{path}");
    }
    for path in ["/metrics", "/events", "/readyz"] {
        assert_eq!(browser.get(path).status, 401, "{path}");
    }
    assert_eq!(browser.post("/uploads/1/drop", "").status, 401);
    assert_eq!(browser.get("/healthz").body, "ok\n");
    browser.log_in();
    assert_eq!(browser.get("/").status, 200);
    assert_eq!(browser.post("/logout", "").status, 303);
    assert_eq!(browser.get("/").status, 303, "the session has ended");
}

#[test]
fn who_guesses_the_password_has_to_wait() {
    let server = locked();
    let browser = Browser::at(&server);
    let guesses: Vec<u16> =
        (0..6).map(|n| browser.post("/login", &format!("password={n}")).status).collect();
    assert_eq!(guesses, [401, 401, 401, 401, 401, 429]);
    assert_eq!(browser.post("/login", "password=open+sesame").status, 429);
}

#[test]
fn a_page_elsewhere_changes_nothing() {
    let server = locked();
    let mut browser = Browser::at(&server);
    browser.log_in();
    let host = format!("Host: {}", browser.address);
    for from in [
        "Origin: https://evil.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "X-Nothing: 1",
    ] {
        let head = format!("POST /uploads/1/drop HTTP/1.1\r\n{host}\r\n{from}");
        assert_eq!(browser.ask(&head, "").status, 403, "{from}");
    }
    // A name that somebody else leads here.
    let rebound = browser.ask("GET / HTTP/1.1\r\nHost: evil.example", "");
    assert_eq!(rebound.status, 421);
    let page = browser.get("/");
    let policy = page.header("content-security-policy")[0];
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(!page.body.contains("http://") && !page.body.contains("https://"), "{}", page.body);
}

#[test]
fn figures_are_for_whoever_has_the_token() {
    let token = "0123456789abcdef0123";
    let config = format!(
        "WEB_LISTEN = \"127.0.0.1:0\"\nWEB_PASSWORD = \"{HASH}\"\nWEB_TOKEN = \"{token}\"\n"
    );
    let server = Server::start(&config);
    let browser = Browser::at(&server);
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
    server.settle();
    let ask = |token: &str| {
        let head = format!(
            "GET /metrics HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}",
            browser.address
        );
        browser.ask(&head, "")
    };
    assert_eq!(ask("0123456789abcdef0124").status, 401);
    let figures = ask(token).body;
    for line in [
        "afterimage_queue_depth{state=\"delivered\"} 1",
        "afterimage_deliveries{action=\"store\",state=\"delivered\"} 1",
        "afterimage_attempts 1",
    ] {
        assert!(figures.lines().any(|found| found == line), "{line}: {figures}");
    }
    assert!(!figures.contains('@'), "no address: {figures}");
}

#[test]
fn beyond_loopback_there_must_be_a_password() {
    let folder = tempfile::TempDir::new().unwrap();
    let command = std::process::Command::new(env!("CARGO_BIN_EXE_afterimage"));
    let Err((_, words)) = Server::try_start(command, folder, "WEB_LISTEN = \"0.0.0.0:0\"\n") else {
        panic!("it starts");
    };
    assert!(words.contains("WEB_PASSWORD"), "{words}");
}

#[test]
fn below_a_path_of_a_proxy_all_links_stay_there() {
    let server = Server::start("WEB_LISTEN = \"127.0.0.1:0\"\nWEB_BASE = \"/photos\"\n");
    let browser = Browser::at(&server);
    for path in ["/photos/", "/photos/gallery/", "/photos/set-up", "/photos/cameras"] {
        let page = browser.get(path);
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.body.contains("href=\"/"), "{path}: {}", page.body);
    }
    assert_eq!(browser.get("/photos").header("location"), ["/photos/"]);
}

#[test]
fn a_test_photo_goes_through_the_whole_server() {
    let server = Server::start("WEB_LISTEN = \"127.0.0.1:0\"\nSENDERS = [\"me@example.org\"]\n");
    let browser = Browser::at(&server);
    let page = browser.post("/set-up/test", "").body;
    assert!(page.contains("camera: sent"), "{page}");
    server.settle();
    assert_eq!(server.only_stored().0, "TEST_0001.JPG");
}
