use proptest::prelude::*;

use super::*;

/// `protocol.md` 3.2.
const LOGIN: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Request Method="login" Timeout="3000" CameraCryptKey="844e7f0f">
<UserName Value="7xKPwb19QdFKzsjsrQx62g%3D%3D"/>
<Password Value="U%2BK0X1QnWUv4tkvrrtQ0aQ%3D%3D"/>
<PersistKey Use="true"/>
4p4uaaq422af3"/>
<SessionKey Type="APIF"/>
<CryptSessionKey Use="true" Type="SHA1" Value="/////xAAwKRSAQAAAPAHtv////8QAMCkUgEAAADwB7Y="/>
<ApplicationKey Value="6a563c39"/>
</Request>"#;

const EMAIL: &str = "<email><sender>Holiday Cam &lt;Camera@samsungcamera.com&gt;</sender>\
    <receiverList><receiver>alice@example.net</receiver><receiver>bob@example.net</receiver>\
    </receiverList><title>Trip</title><body>Two pictures\nlanguage_sh100_utf8</body></email>";

fn text_of(source: &str, name: &str) -> Option<String> {
    Xml::new(source).element(name).map(Xml::text)
}

fn value(source: &str) -> Option<String> {
    Xml::new(source).attribute("e", "a")
}

#[test]
fn a_login_of_the_nx300_is_read_around_its_stray_text() {
    let request = Xml::new(LOGIN);
    let attribute = |element, attribute| request.attribute(element, attribute).unwrap();
    assert_eq!(attribute("Request", "Method"), "login");
    assert_eq!(attribute("UserName", "Value"), "7xKPwb19QdFKzsjsrQx62g%3D%3D");
    assert_eq!(attribute("Password", "Value"), "U%2BK0X1QnWUv4tkvrrtQ0aQ%3D%3D");
    assert_eq!(
        attribute("CryptSessionKey", "Value"),
        "/////xAAwKRSAQAAAPAHtv////8QAMCkUgEAAADwB7Y="
    );
    assert_eq!(attribute("SessionKey", "Type"), "APIF");
    assert_eq!(request.attribute("SessionKey", "Value"), None);
    assert_eq!(request.attribute("OAuth", "Version"), None);
}

#[test]
fn an_email_is_read() {
    let email = Xml::new(EMAIL).element("email").unwrap();
    let sender = email.element("sender").unwrap().text();
    assert_eq!(sender, "Holiday Cam <Camera@samsungcamera.com>");
    let list = email.element("receiverList").unwrap();
    let receivers: Vec<_> = list.elements("receiver").map(Xml::text).collect();
    assert_eq!(receivers, ["alice@example.net", "bob@example.net"]);
    let body = email.element("body").unwrap().text();
    assert_eq!(body, "Two pictures\nlanguage_sh100_utf8");
}

#[test]
fn unescaped_ampersands_and_angle_brackets_are_text() {
    let source = "<title>x & <y</title><body>a<b & I <3 you</body>";
    assert_eq!(text_of(source, "body").unwrap(), "a<b & I <3 you");
    assert_eq!(text_of(source, "title").unwrap(), "x & <y");
    assert_eq!(text_of("<b><!x <? y ?> </c></b>", "b").unwrap(), "<!x <? y ?> </c>");
}

#[test]
fn a_quote_typed_by_a_user_hides_nothing() {
    for text in ["a<b \"c", "<a href=\"", "<a href='x", "<a href=\"x>y"] {
        let source = format!("<title>{text}</title><body a=\"1\">it's</body>");
        assert_eq!(text_of(&source, "title").unwrap(), text);
        assert_eq!(text_of(&source, "body").unwrap(), "it's", "{text}");
    }
}

#[test]
fn cdata_is_unwrapped_and_its_markup_is_text() {
    let source = "<x><![CDATA[<body>no</body>]]></x><body> <![CDATA[a</body>&amp;<!--]]> b</body>";
    assert_eq!(text_of(source, "body").unwrap(), " a</body>&amp;<!-- b");
    assert_eq!(text_of("<b><![CDATA[a]]>&lt;<![CDATA[b]]></b>", "b").unwrap(), "a<b");
}

#[test]
fn cdata_without_end_is_unwrapped_and_hides_nothing() {
    let source = "<title><![CDATA[a</title><body>b</body>";
    assert_eq!(text_of(source, "title").unwrap(), "a");
    assert_eq!(text_of(source, "body").unwrap(), "b");
}

#[test]
fn comments_are_dropped() {
    let source = "<!-- <b>no</b> --><b>1<!-- </b> -->2<!---->3</b>";
    assert_eq!(text_of(source, "b").unwrap(), "123");
}

#[test]
fn a_comment_without_end_is_text() {
    assert_eq!(text_of("<b>a <!-- b</b>", "b").unwrap(), "a <!-- b");
}

#[test]
fn processing_instructions_are_skipped() {
    assert_eq!(text_of("<?xml <b>no</b> ?><b>yes</b>", "b").unwrap(), "yes");
}

#[test]
fn a_document_type_is_skipped_and_never_used() {
    // `protocol.md` 13, A39.
    let source = r#"<?xml version="1.0"?>
<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;"><!ENTITY x SYSTEM "file:///etc/passwd">]>
<Request Method="login"><UserName Value="&b;"/><Password Value="&x;"/>&a;</Request>"#;
    let request = Xml::new(source);
    assert_eq!(request.attribute("UserName", "Value").unwrap(), "&b;");
    assert_eq!(request.attribute("Password", "Value").unwrap(), "&x;");
    assert!(text_of(source, "Request").unwrap().ends_with("&a;"));
}

#[test]
fn what_a_document_type_quotes_does_not_end_it() {
    let source =
        "<!doctype r SYSTEM '>' [<!ENTITY a \"]><b>no</b>\"><!-- ' ]> --><?x \" ?>] ><b>yes";
    assert_eq!(text_of(source, "b").unwrap(), "yes");
    assert_eq!(text_of("<!DOCTYPE r [<!ENTITY a '<b>no</b>'><b>no</b>", "b"), None);
}

#[test]
fn predefined_entities_and_numeric_references_are_decoded() {
    let source = "&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#X43;&#x1F4f7;&amp;lt;";
    assert_eq!(Xml::new(source).text(), "<>&\"'ABC📷&lt;");
}

#[test]
fn other_entities_stay_as_they_stand() {
    let source = "&nbsp; &; & &#; &#x; &#+65; &#0; &#xD800; &#x110000; &#99999999999; &amp &üü; &";
    assert_eq!(Xml::new(source).text(), source);
}

#[test]
fn blanks_around_a_text_are_kept() {
    assert_eq!(text_of("<b>\n a\t</b>", "b").unwrap(), "\n a\t");
}

#[test]
fn names_are_compared_without_case_and_prefix() {
    let source = "<s:BODY x:A='1'>a</s:body><bodyguard>b</bodyguard>";
    assert_eq!(text_of(source, "body").unwrap(), "a");
    assert_eq!(Xml::new(source).attribute("Body", "a").unwrap(), "1");
    assert_eq!(text_of(source, "guard"), None);
    assert_eq!(text_of("<bodyguard>b</bodyguard>", "body"), None);
}

#[test]
fn attribute_values_come_in_any_quotes() {
    for source in [
        "<e a=\"1\"/>",
        "<e a='1'/>",
        "<e a=1/>",
        "<e a=1>",
        "<e\n\ta = \"1\" b=\"2\">",
        "<e b='\"'a='1'/>",
        "<e b a='1'/>",
        "<e / \" =x b=\"2\" a=1 />",
        "<e/><e b='2'/><e a='1'/>",
        "<e a=\"1></e>",
        "<e=\"x\" a=\"1\"/>",
    ] {
        assert_eq!(value(source).as_deref(), Some("1"), "{source}");
    }
}

#[test]
fn an_attribute_value_is_kept_and_its_entities_decoded() {
    for (source, expected) in [
        ("<e a=\"a>b<c'd\"/>", "a>b<c'd"),
        ("<e a='&lt;&#65; & &x;'/>", "<A & &x;"),
        ("<e a=\"\"/>", ""),
        ("<e a=/x/y=/>", "/x/y="),
        ("<e a=\" 1 \"/>", " 1 "),
    ] {
        assert_eq!(value(source).as_deref(), Some(expected), "{source}");
    }
}

#[test]
fn a_missing_attribute_or_broken_tag_is_nothing() {
    for source in
        ["", "<e", "<e a", "<e a=", "<e a=\"1\"", "<e a/>", "<eb a='1'/>", "< e a=1>", "</e a=1>"]
    {
        assert_eq!(value(source), None, "{source}");
    }
}

#[test]
fn a_missing_end_tag_ends_with_the_parent() {
    let source = "<p><a>1</p><a>2</a>";
    let parent = Xml::new(source).element("p").unwrap();
    assert_eq!(parent.element("a").unwrap().text(), "1");
    assert_eq!(text_of("<Request>", "Request").unwrap(), "");
    assert_eq!(text_of("<b>a</b", "b").unwrap(), "a");
    assert_eq!(text_of("<b>a</b\n>", "b").unwrap(), "a");
}

#[test]
fn a_truncated_root_is_nothing() {
    assert!(Xml::new("<Request").element("Request").is_none());
}

#[test]
fn an_element_without_children_is_empty() {
    let source = "<a/><a />b<a></a>";
    let texts: Vec<_> = Xml::new(source).elements("a").map(Xml::text).collect();
    assert_eq!(texts, ["", "", ""]);
}

#[test]
fn garbage_around_the_root_is_ignored() {
    let source = "\0 x\"/> <a>1</a>\0\0 \n";
    assert_eq!(text_of(source, "a").unwrap(), "1");
}

#[test]
fn references_to_both_halves_of_a_character_are_one() {
    let source = "&#xD83D;&#xDE00; &#55357;&#56832; &#xDE00;&#xD83D; &#xD83D;x &#xD83D;&#65;";
    assert_eq!(Xml::new(source).text(), "😀 😀 &#xDE00;&#xD83D; &#xD83D;x &#xD83D;A");
}

#[test]
fn bytes_are_text_in_the_encoding_of_the_request_or_the_prolog_or_a_guess() {
    assert_eq!(decode(b"\xef\xbb\xbf<a>", None), "<a>");
    assert_eq!(decode("ü€".as_bytes(), None), "ü€");
    assert_eq!(decode(b"\xfc\0", None), "ü\0");
    let friend = b"<?xml version='1.0' encoding='EUC-KR'?><a>\xc4\xa3</a>";
    assert!(decode(friend, None).ends_with("<a>친</a>"));
    assert!(decode(friend, Some("windows-1252")).ends_with("<a>ģ</a>"), "it is UTF-8, too");
    assert_eq!(declared(b"<?xml version=\"1.0\" encoding = \"CP949\" ?>"), Some("CP949"));
    assert_eq!(declared(b"<email><encoding='x'?>"), None);
}

#[test]
fn hostile_sources_take_linear_time() {
    for piece in [
        "<",
        "<a ",
        "<a x=",
        "<a x=\"",
        "<a x='",
        "<a x=\"'",
        "a ",
        "</a",
        "</e ",
        "<![CDATA[",
        "<!--",
        "<?",
        "<!DOCTYPE",
        "<!DOCTYPE[",
        "<a><!--</a>",
        "<a><![CDATA[</a>",
        "&",
        "&#",
        "<a x='1' ",
        "<a:",
    ] {
        let source = "<e>".to_owned() + &piece.repeat(200_000 / piece.len());
        let xml = Xml::new(&source);
        let _ = xml.elements("a").map(Xml::text).count();
        let _ = xml.element("e").map(Xml::text);
        let _ = xml.attribute("a", "y");
    }
}

proptest! {
    #[test]
    fn nothing_panics(source in "(?s)(<|</|>|/|a|e|=|\"|'|&|;|#|x|1| |:|!|\\?|-|\\[|\\]|<!--|-->|<!\\[CDATA\\[|\\]\\]>|<!DOCTYPE|ü|.){0,60}") {
        let xml = Xml::new(&source);
        let _ = xml.text();
        let _ = xml.attribute("e", "a");
        for element in xml.elements("a") {
            let _ = element.text();
            let _ = element.attribute("e", "x");
        }
    }

    #[test]
    fn escaped_text_comes_back(text in "[^\0]{0,40}") {
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        let source = format!("<x><e a=\"{escaped}\"/><b>{escaped}</b></x>");
        prop_assert_eq!(text_of(&source, "b").unwrap(), &*text);
        prop_assert_eq!(value(&source).unwrap(), &*text);
    }

    #[test]
    fn unescaped_text_without_its_end_tag_comes_back(text in "[ab<> \"'=?/\\[\\-]{0,40}") {
        prop_assume!(!text.contains("</b"));
        prop_assert_eq!(text_of(&format!("<b>{text}</b>"), "b").unwrap(), &*text);
    }
}
