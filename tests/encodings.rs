//! Texts and names in whatever encoding a camera was made to write.

use serde_json::Value;

use crate::fixture::social::post;
use crate::fixture::{BOUNDARY, J1, Request, SUCCESS, Server, guest, message_part};

fn server() -> Server {
    let component = guest("echo");
    Server::start(&format!(
        "REPEAT_WINDOW = \"0 s\"\n[ACTIONS]\n\"a@example.org\" = \"echo\"\nfacebook = \"echo\"\n\
         [PLUGINS.echo]\nCOMPONENT = {:?}\n",
        component.to_str().unwrap()
    ))
}

/// What the action was given of the last upload.
fn seen(server: &Server) -> Value {
    server.settle();
    let deliveries = server.deliveries(&["--all"]);
    let last = deliveries.iter().max_by_key(|delivery| delivery["number"].as_u64()).unwrap();
    serde_json::from_str(last["receipt"].as_str().unwrap()).unwrap()
}

fn message(declared: &str, title: &[u8], body: &[u8]) -> Vec<u8> {
    [
        format!("<?xml version=\"1.0\" encoding=\"{declared}\"?>\n<email>").as_bytes(),
        b"<sender>Camera@samsungcamera.com</sender><receiverList><receiver>a@example.org",
        b"</receiver></receiverList><title>",
        title,
        b"</title><body>",
        body,
        b"\nlanguage_sh100_utf8</body></email>",
    ]
    .concat()
}

fn send(server: &Server, message: &[u8]) -> Value {
    let mut body = message_part("");
    body.extend_from_slice(message);
    body.extend(
        format!(
            "\r\n--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"binary\"; \
             fileName=\"A.JPG\"\r\ncontent-Type: image/jpeg\r\n\r\n"
        )
        .bytes(),
    );
    body.extend_from_slice(J1);
    body.extend(format!("\r\n--{BOUNDARY}\r\n").bytes());
    let answer = server.send(&Request::with_body(&body));
    assert_eq!(answer.body, SUCCESS, "{answer:?}");
    seen(server)
}

#[test]
fn a_message_in_the_encoding_of_a_market_is_read_declared_or_not() {
    let server = server();
    for (label, title, text) in [
        ("EUC-KR", "여름 휴가", "가족 여행 사진입니다"),
        ("Shift_JIS", "夏休み", "家族旅行の写真です"),
        ("EUC-JP", "夏休み", "家族旅行の写真です"),
        ("GBK", "夏天", "家庭旅行的照片"),
        ("Big5", "夏天", "家庭旅行的照片"),
    ] {
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
        for declared in [label, "UTF-8"] {
            let message = message(declared, &encoding.encode(title).0, &encoding.encode(text).0);
            let seen = send(&server, &message);
            assert_eq!((&seen["subject"], &seen["body"]), (&title.into(), &text.into()), "{label}");
        }
    }
    let text = "여름 휴가 📷";
    let xml = String::from_utf8(message("UTF-16", text.as_bytes(), text.as_bytes())).unwrap();
    let units: Vec<u8> = xml.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for marked in [[b"\xff\xfe", &*units].concat(), units] {
        let seen = send(&server, &marked);
        assert_eq!((&seen["subject"], &seen["body"]), (&text.into(), &text.into()));
    }
}

#[test]
fn a_damaged_text_loses_no_more_than_the_damaged_place() {
    let server = server();
    for (title, shown) in [
        (&b"\xec\x97\xac\xeb\xa6\x84 \xed\x9c"[..], "여름 \u{fffd}"),
        (b"smile \xed\xa0\xbd\xed\xb8\x80", "smile 😀"),
        (b"smile &#xD83D;&#xDE00;", "smile 😀"),
        ("für \u{e0}".as_bytes(), "für à"),
    ] {
        let seen = send(&server, &message("UTF-8", title, "schöne Grüße".as_bytes()));
        assert_eq!((&seen["subject"], &seen["body"]), (&shown.into(), &"schöne Grüße".into()));
    }
    let stray = [b"Gr\xc3\xbc\xc3\x9fe \xff".as_slice(), " aus Köln".as_bytes()].concat();
    let seen = send(&server, &message("UTF-8", &stray, b"x"));
    assert_eq!(seen["subject"], "Grüße \u{fffd} aus Köln");
}

#[test]
fn a_subject_is_one_line_whatever_was_typed() {
    let server = server();
    for title in [
        "Hi\r\nBcc: x@example.org",
        "Hi\nBcc: x@example.org",
        "Hi&#10;Bcc: x@example.org",
        "Hi\tBcc: x@example.org",
        "Hi\u{1}Bcc: x@example.org",
        "Hi\u{2028}Bcc: x@example.org",
    ] {
        let seen = send(&server, &message("UTF-8", title.as_bytes(), b"x"));
        assert_eq!(seen["subject"], "Hi Bcc: x@example.org", "{title:?}");
    }
}

#[test]
fn an_announcement_is_read_in_its_encoding() {
    let server = server();
    let session = server.log_in("facebook");
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"EUC-KR\"?><Request SessionKey=\"{session}\"><Photo>\
         <Album Name=\"NX&#10;300\"/><File Name=\"여름.JPG\"/><Content>바다</Content></Photo></Request>"
    );
    let xml = encoding_rs::EUC_KR.encode(&xml).0;
    let head = post("/facebook/photo", "");
    let head =
        String::from_utf8(head).unwrap().replace("Length: 0", &format!("Length: {}", xml.len()));
    let answer = server.send(&[head.as_bytes(), &xml].concat());
    let resource = answer.attribute("ResourceID");
    let put = crate::fixture::social::put(&resource, "image/jpeg", J1);
    assert_eq!(server.send(&put).body, SUCCESS);
    let seen = seen(&server);
    assert_eq!((&seen["body"], &seen["camera"]), (&"바다".into(), &"NX 300".into()));
    assert_eq!(seen["files"][0]["name"], "여름.JPG");
}

#[test]
fn no_sender_writes_lines_of_the_log() {
    let server = server();
    let forged = "x@example.org&#10;2026-01-01T00:00:00Z  INFO afterimage: forged&#13;&#x202e;&#1;";
    server.send(&Request::new().from(forged).bytes()).assert_error(401, "whitelist");
    server.logged(&["is not in SENDERS", "forged"]);
    server.send(b"POST /%0a2026-01-01%1b[2J-forged/auth HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
    server.logged(&["2026-01-01", "-forged", "is not known"]);
    for line in server.log().lines() {
        assert!(!line.starts_with("2026-01-01") && !line.contains(['\u{1b}', '\u{202e}', '\u{1}']));
    }
    let long = "x".repeat(60_000);
    server.send(&Request::new().from(&long).bytes()).assert_error(401, "whitelist");
    server.logged(&["xxx", "bytes more"]);
    assert!(server.log().lines().all(|line| line.len() < 16 << 10));
}
