use super::*;

const K0: &str = "/////xAAwKRSAQAAAPAHtv////8QAMCkUgEAAADwB7Y=";
const K1: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const K2: &str = "/////xAAwKRSAQAAAPAHtgABAgMEBQYHCAkKCwwNDg8=";
const K3: &str = "jCOazNTjQESNvDpBiJ59M5znJPTFxEkuXbynFhyDshM=";

/// `protocol.md` 4.4: id, key, user, password, `UserName@Value`, `Password@Value`.
#[rustfmt::skip]
const VECTORS: [(&str, &str, &str, &str, &str, &str); 18] = [
    ("V01", K0, "f", "p", "7xKPwb19QdFKzsjsrQx62g%3D%3D", "U%2BK0X1QnWUv4tkvrrtQ0aQ%3D%3D"),
    ("V02", K0, "Camera@samsungcamera.com", "secret", "7SWeVZO1ja%2FtUg7RXw4uUgYmQ0yN2DENOlei0k0q2Ys%3D", "ROLCnrin5ZEQjiFaLz3E7g%3D%3D"),
    ("V03", K1, "Camera@samsungcamera.com", "secret", "8XAlR9hMu8P59J4atMUcAqrmQb%2FAod%2BoyTsPhRH%2BGfY%3D", "KvImpVasGRwKf8EjSWAO8w%3D%3D"),
    ("V04", K1, "a", "1", "fr7lD4JD%2Bqoa4fUbReDEFg%3D%3D", "cynGH59mkQP5N7gldadLuQ%3D%3D"),
    ("V05", K1, "fifteen-chars@x", "123456789012345", "nyo6vTgEJfxUKeKwQQrzPA%3D%3D", "1EyrcftOXbUW2tn8m9lhng%3D%3D"),
    ("V06", K1, "sixteen-chars@xy", "1234567890123456", "%2FN%2BnqLyeMvzgCAuHjpH0mA%3D%3D", "xJ7JnAI9QCx5KE0S90PYYQ%3D%3D"),
    ("V07", K1, "seventeen-chars@x", "12345678901234567", "eErVKy2GeAdEOGgd4RkUc5vk4Cf5VlQLUlrsF0d89e0%3D", "xJ7JnAI9QCx5KE0S90PYYRYc5EZWnKyqC1IhBGa6FSc%3D"),
    ("V08", K1, "thirty-one-chars-user@exampl.eu", "1234567890123456789012345678901", "c%2F7LFcGNO0PPlUIBOlKma9lstsVX3qgLwaEfifBH93o%3D", "xJ7JnAI9QCx5KE0S90PYYVcwDiOVaUVqNTkU179I33M%3D"),
    ("V09", K1, "thirty-two-chars-user@example.eu", "12345678901234567890123456789012", "HmUp2Lz6TrZ3EkOnHK9NcYNg780xxGbcXkpcHD746Bw%3D", "xJ7JnAI9QCx5KE0S90PYYRHEeZAilPb%2BF4aftFC3bw0%3D"),
    ("V10", K1, "thirty-three-chars-user@example.e", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "SchwnEpgEz3hWInuZed4zV%2BkQ1GIyDDvA%2BkaNeHeujEdUnLipH27qULWpvd88zE8", "8dcxzC6raHR2LgRQPv1Dw8Cwu6vxhRV2ZnkndNFZdCT%2BdieNHJ%2BMthRT8wOCBKBK"),
    ("V11", K2, "jürgen@bücher.example", "pässwörd€", "3jFyqY5LVnykgvg7XPOlG87f%2B6ZOGT91M%2B8U6hHO8XE%3D", "ihSExhPO5DxgqsKNyukLfw%3D%3D"),
    ("V12", K2, "카메라@samsung.example", "비밀번호", "YXhRT%2FrCGPrPIM%2BXCK7YECr9Fm5d2wQo6%2FTjNLER5TE%3D", "tgL2OXpgAy1f5ZdZnnNB6g%3D%3D"),
    ("V13", K3, "o'neil+tag@example.com", "p&q<r>\"s\"%41 +/=", "1hpnokaH%2BvMijHhQXVV11gjD1pNcZlOd9YuNB%2FoW%2F3c%3D", "ODyf0Aytp713c39ZIfQ2Jw%3D%3D"),
    ("V14", K3, "space user", "  lead and trail ", "RY1CiQNF1VO6LO29t02dEw%3D%3D", "86O4cOQSx8rbXUEuBp%2BJOOgwLHejd9A6ID8i%2F14wa6g%3D"),
    ("V15", K3, "", "x", "ECAxXW%2FtaAe0tbpY6PA3aQ%3D%3D", "32FB9Iwa1ZWCik0gYcpOPA%3D%3D"),
    ("V16", K3, "user+tag@example.com", "p&q<r>\"s\"", "3aKdGh4MiKvRpUwUJhDkUu5aYWlPrGCP8mEOOR99fGE%3D", "sAeKJth0fNAkTpXb5e8aJQ%3D%3D"),
    ("V17", K1, "user1@example.com", "x", "4rGAV4MnKDNQ8KjCHkA%2FdrrxB11XCkx%2BHKDAbpuFZc8%3D", "fhYRvb7%2B%2F83kkItdhnqHuA%3D%3D"),
    ("V18", K1, "nobody@example.org", "x", "d5MTzjSat8lEw0QIcYMGBpa%2BAyVAFIJ6dBu5dBqxfCU%3D", "fhYRvb7%2B%2F83kkItdhnqHuA%3D%3D"),
];

/// `protocol.md` 4.4, additional values: key, value, what it decrypts to.
#[rustfmt::skip]
const ADDITIONAL: [(&str, &str, Result<&str, LoginError>); 8] = [
    (K1, "%2FN%2BnqLyeMvzgCAuHjpH0mBocvv%2Fyj%2F%2Fx3Ff886UVDKs%3D", Ok("sixteen-chars@xy")),
    (K1, "HmUp2Lz6TrZ3EkOnHK9NcYNg780xxGbcXkpcHD746BziMwqxyX9kFDqf2rkQ7qms", Ok("thirty-two-chars-user@example.eu")),
    (K1, "4rGAV4MnKDNQ8KjCHkA/drrxB11XCkx+HKDAbpuFZc8=", Ok("user1@example.com")),
    (K1, "8XAlR9hMu8P59J4atMUcAqBWW4Z64g8F%2B7ppOWImvw8%3D", Ok("Camera@samsungcamera.com")),
    (K1, "8XAlR9hMu8P59J4atMUcAsPrXxQ42MWH8O8kiz7ij1c%3D", Ok("Camera@samsungcamera.com")),
    (K2, "V3NU53o87MtTWZmgQuaWcvi%2BWpGPsvtO61vfrjahvqo%3D", Ok("jürgen@bücher.example")),
    (K2, "kDJJ0lSGWrABKvY0RNvffLFLwmNQiUx7y1ekqBsxLvc%3D", Ok("카메라@samsung.example")),
    (K3, "8XAlR9hMu8P59J4atMUcAqrmQb%2FAod%2BoyTsPhRH%2BGfY%3D", Err(LoginError::NoText(Field::User))),
];

/// `protocol.md` 4.6: value without a key, what it decodes to.
const PLAIN: [(&str, &str); 5] = [
    ("user%2Btag%40example.com", "user+tag@example.com"),
    ("p%26q%3Cr%3E%22s%22", "p&q<r>\"s\""),
    ("50%25", "50%"),
    ("j%C3%BCrgen", "jürgen"),
    ("a+b", "a+b"),
];

fn user(value: &str, key: Option<&str>) -> Result<String, LoginError> {
    let password = key.map_or(String::new(), |key| encrypted(key, &[0; 16]));
    credentials(value, &password, key).map(|credentials| credentials.user)
}

fn encrypted(key: &str, padded: &[u8]) -> String {
    use cbc::cipher::BlockModeEncrypt as _;

    let key = SessionKey::decode(key).unwrap();
    let mut bytes = padded.to_vec();
    cbc::Encryptor::<Aes128>::new(&key.key.into(), &key.iv.into())
        .encrypt_padded::<NoPadding>(&mut bytes, padded.len())
        .unwrap();
    LENIENT.encode(bytes)
}

#[test]
fn every_published_vector_decodes() {
    for (id, key, user, password, user_value, password_value) in VECTORS {
        let decoded = credentials(user_value, password_value, Some(key));
        if id == "V15" {
            assert_eq!(decoded.unwrap_err(), LoginError::EmptyUser);
            continue;
        }
        let decoded = decoded.unwrap();
        assert_eq!(decoded.user, user, "{id}");
        assert_eq!(decoded.password, password, "{id}");
    }
}

#[test]
fn every_additional_value_decodes_or_fails_as_published() {
    for (key, value, expected) in ADDITIONAL {
        assert_eq!(user(value, Some(key)), expected.map(str::to_owned), "{value}");
    }
}

#[test]
fn without_a_key_values_are_only_percent_decoded() {
    for (value, expected) in PLAIN {
        for key in [None, Some("")] {
            let decoded = credentials("u", value, key).unwrap();
            assert_eq!(decoded.password, expected, "{value}");
            assert_eq!(credentials(value, "", key).unwrap().user, expected);
        }
    }
}

#[test]
fn a_key_of_another_length_is_refused() {
    let value = VECTORS[2].4;
    for (key, length) in [("AAECAwQFBgcICQoLDA0ODw==", 16), ("AAAA", 3), ("=", 0)] {
        let expected =
            if length == 0 { LoginError::KeyEncoding } else { LoginError::KeyLength(length) };
        assert_eq!(credentials(value, value, Some(key)).unwrap_err(), expected);
    }
}

#[test]
fn a_key_that_is_not_base64_is_refused() {
    let key = K0.replace('/', "!");
    let error = credentials(VECTORS[0].4, VECTORS[0].5, Some(&key)).unwrap_err();
    assert_eq!(error, LoginError::KeyEncoding);
}

#[test]
fn a_missing_base64_padding_is_tolerated() {
    let value = VECTORS[0].4.replace("%3D", "");
    assert_eq!(user(&value, Some(K0.trim_end_matches('='))).unwrap(), "f");
}

#[test]
fn an_encrypted_value_that_is_no_whole_blocks_is_refused() {
    for (value, length) in [("", 0), ("AAAA", 3), ("AAECAwQFBgcICQoLDA0ODxA%3D", 17)] {
        assert_eq!(user(value, Some(K1)), Err(LoginError::Length(Field::User, length)));
    }
}

#[test]
fn an_encrypted_value_that_is_not_base64_is_refused() {
    for value in ["!", "Camera%40samsungcamera.com", "%zz", "ü"] {
        let error = LoginError::Encoding(Field::User);
        assert_eq!(user(value, Some(K1)), Err(error), "{value}");
    }
}

#[test]
fn control_characters_are_refused() {
    for text in ["a\u{1}b", "a\tb", "a\nb", "\u{7f}", "\u{85}"] {
        let mut padded = text.as_bytes().to_vec();
        padded.resize(16, 0);
        let error = LoginError::Control(Field::User);
        assert_eq!(user(&encrypted(K1, &padded), Some(K1)), Err(error));
    }
    let error = LoginError::Control(Field::User);
    assert_eq!(user("a%00b", None), Err(error));
}

#[test]
fn an_empty_user_is_refused_and_an_empty_password_is_not() {
    let nothing = encrypted(K1, &[0; 16]);
    let only_padding = encrypted(K1, &[16; 16]);
    assert_eq!(user(&nothing, Some(K1)), Err(LoginError::EmptyUser));
    assert_eq!(user(&only_padding, Some(K1)), Err(LoginError::EmptyUser));
    assert_eq!(user("", None), Err(LoginError::EmptyUser));
    let decoded = credentials(VECTORS[2].4, &nothing, Some(K1)).unwrap();
    assert_eq!(decoded.password, "");
}

#[test]
fn pkcs7_padding_comes_off_only_if_it_is_whole() {
    let whole = *b"thirteen-char\x03\x03\x03";
    assert_eq!(user(&encrypted(K1, &whole), Some(K1)).unwrap(), "thirteen-char");
    let broken = *b"thirteen-char\x02\x03\x03";
    let error = LoginError::Control(Field::User);
    assert_eq!(user(&encrypted(K1, &broken), Some(K1)), Err(error));
}

#[test]
fn blanks_around_a_value_or_a_key_and_an_escaped_key_change_nothing() {
    let (user, password) = (VECTORS[2].4, VECTORS[2].5);
    let safe = K1.replace('/', "_").replace('+', "-");
    let escaped = K1.replace('/', "%2F").replace('=', "%3D");
    for key in
        [&format!("{K1}\n"), &format!("\r\n {K1}\t"), &escaped, &safe, &K1.replace('8', "\r\n8")]
    {
        for (user, password) in [
            (user.to_owned(), password.to_owned()),
            (format!("{user}\n"), format!(" {password}\r\n")),
            (format!("{user}%0A"), format!("{password}%20")),
        ] {
            let decoded = credentials(&user, &password, Some(key)).unwrap();
            assert_eq!(decoded.user, "Camera@samsungcamera.com", "{key:?} {user:?}");
            assert_eq!(decoded.password, "secret");
        }
    }
    let form = VECTORS[16].4.replace("%2B", " ");
    assert_eq!(credentials(&form, "", Some(K1)).unwrap().user, "user1@example.com");
    let typed = credentials(" a@example.org%0D%0A", "%20 pass%20%0A", None).unwrap();
    assert_eq!((typed.user.as_str(), typed.password.as_str()), ("a@example.org", "  pass "));
}

#[test]
fn a_value_that_is_empty_is_an_empty_password() {
    for key in [None, Some(K1)] {
        let user = if key.is_some() { VECTORS[2].4 } else { "a" };
        for password in ["", " ", "\n"] {
            assert_eq!(credentials(user, password, key).unwrap().password, "");
        }
    }
}

#[test]
fn a_user_in_the_encoding_of_a_market_is_read() {
    let mut korean = b"\xbf\xa9\xb8\xa7@samsung.example".to_vec();
    assert_eq!(user("%bf%a9%b8%a7@samsung.example", None).unwrap(), "여름@samsung.example");
    korean.resize(korean.len().next_multiple_of(16), 0);
    assert_eq!(user(&encrypted(K1, &korean), Some(K1)).unwrap(), "여름@samsung.example");
}

#[test]
fn debug_output_and_errors_hide_secrets() {
    let decoded = credentials("someone", "hunter2", None).unwrap();
    let shown = format!("{decoded:?}");
    assert!(shown.contains("someone") && !shown.contains("hunter2"));
}
