use proptest::prelude::*;

use super::*;

/// Bytes and pieces of delimiters, mixed.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        proptest::sample::select(vec![
            "\r",
            "\n",
            "\r\n",
            "-",
            "--",
            " ",
            "\t",
            "b",
            "c",
            "\r\n--",
            "\n--b",
            "--bc",
            "--bc--",
            "\r\n--bc",
            "\r\n--bc-",
            "\r\n--bc \t",
            "\r\n--bc\r",
            "\r\n--bc\r\n",
            "\r\n--bcd",
            "a: b\r\n\r\n",
            "\r\n--bc--",
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

/// Puts a byte behind every boundary in `payload` that would be a delimiter,
/// whether or not a line end or the end of the body follows the payload.
fn defused(mut payload: Vec<u8>) -> Vec<u8> {
    let mut line = 0;
    loop {
        if payload[line..].starts_with(b"--bc") {
            let rest = payload[line + 4..].trim_ascii_start();
            if rest.is_empty() || rest.len() < payload[line + 4..].len() || rest.starts_with(b"--")
            {
                payload.insert(line + 4, b'x');
            }
        }
        match memchr::memchr(b'\n', &payload[line..]) {
            Some(end) => line += end + 1,
            None => return payload,
        }
    }
}

fn random_sizes(seed: u64, most: usize) -> impl FnMut() -> usize {
    let mut state = seed | 1;
    move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        1 + (state >> 33) as usize % most
    }
}

proptest! {
    #[test]
    fn payloads_come_back_byte_for_byte(
        payloads in proptest::collection::vec(soup().prop_map(defused), 1..5),
        end in proptest::sample::select(vec![
            "\r\n--bc--", "\r\n--bc--\r\n", "\r\n--bc\r\n", "\r\n--bc", "\r\n", "",
        ]),
        seed: u64,
        most in 1_usize..200,
    ) {
        let mut body = Vec::new();
        for payload in &payloads {
            body.extend_from_slice(if body.is_empty() { b"--bc\r\n" } else { b"\r\n--bc\r\n" });
            body.extend_from_slice(b"Content-Disposition: form-data; name=x\r\n\r\n");
            body.extend_from_slice(payload);
        }
        body.extend_from_slice(end.as_bytes());
        let mut expected = payloads;
        if let Some(last) = expected.last_mut().filter(|last| end.is_empty() && last.ends_with(b"\r\n")) {
            last.truncate(last.len() - 2);
        }

        let parts = read("bc", Pieces::cut(&body, random_sizes(seed, most))).unwrap();
        let contents: Vec<_> = parts.into_iter().map(|(_, content)| content).collect();
        prop_assert_eq!(contents, expected);
    }

    #[test]
    fn any_bytes_give_the_same_in_any_chunks(body in soup(), seed: u64, most in 1_usize..20) {
        let body = [b"--bc\r\n", &*body].concat();
        let whole = read("bc", Pieces::cut(&body, || body.len())).unwrap();
        let cut = read("bc", Pieces::cut(&body, random_sizes(seed, most))).unwrap();
        prop_assert_eq!(whole, cut);
    }
}
