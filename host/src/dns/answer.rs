//! One question, one answer (RFC 1035). Bytes in, bytes out.

use std::net::Ipv4Addr;

use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, RCODE, ResourceRecord, TYPE};

use super::zones;

/// Seconds that an answer may be remembered: a server that moves is found
/// again within a minute.
const TTL: u32 = 60;

/// Bytes of a header.
const HEADER: usize = 12;

/// Position and bit of QR, which tells answers from questions.
const QR: (usize, u8) = (2, 0x80);

/// The answer to `question`, whose names lead to `address`; none where silence
/// is right: to what is no question. With `may_ask` false every name is
/// refused.
pub fn answer(question: &[u8], address: Option<Ipv4Addr>, may_ask: bool) -> Option<Vec<u8>> {
    let head = question.get(..HEADER)?;
    if head[QR.0] & QR.1 != 0 {
        // Two servers that answer each other's answers would never end.
        return None;
    }
    let Ok(asked) = Packet::parse(question) else {
        return Some(bare(head, RCODE::FormatError));
    };
    if asked.opcode() != OPCODE::StandardQuery {
        return Some(bare(head, RCODE::NotImplemented));
    }
    let [asks] = asked.questions.as_slice() else {
        return Some(bare(head, RCODE::FormatError));
    };
    let mut reply = Packet::new_reply(asked.id());
    if asked.has_flags(PacketFlag::RECURSION_DESIRED) {
        reply.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    let here = matches!(asks.qclass, QCLASS::CLASS(CLASS::IN) | QCLASS::ANY);
    if !(may_ask && here && zones::is_answered(&asks.qname)) {
        *reply.rcode_mut() = RCODE::Refused;
    } else {
        reply.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        // Other types exist and are empty: a refusal makes some resolvers give
        // up on the address, too.
        if matches!(asks.qtype, QTYPE::TYPE(TYPE::A) | QTYPE::ANY) {
            match address {
                Some(address) => reply.answers.push(ResourceRecord::new(
                    asks.qname.clone(),
                    CLASS::IN,
                    TTL,
                    RData::A(A::from(address)),
                )),
                None => *reply.rcode_mut() = RCODE::ServerFailure,
            }
        }
    }
    reply.questions.push(asks.clone());
    let bytes = reply.build_bytes_vec_compressed().ok();
    // A name that cannot be written as it was read is none.
    Some(bytes.unwrap_or_else(|| bare(head, RCODE::FormatError)))
}

/// A header that says `code` of a question that could not be understood.
fn bare(head: &[u8], code: RCODE) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes[..2].copy_from_slice(&head[..2]);
    // Opcode and "recursion desired" are the asker's.
    bytes[QR.0] = QR.1 | head[2] & 0b0111_1001;
    bytes[3] = match code {
        RCODE::NotImplemented => 4,
        _ => 1,
    };
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use simple_dns::{Name, Question};

    use super::*;

    const HERE: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 10);

    fn question(name: &str, kind: QTYPE) -> Vec<u8> {
        let mut packet = Packet::new_query(0x4242);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        let name = Name::new_unchecked(name);
        packet.questions.push(Question::new(name, kind, CLASS::IN.into(), false));
        packet.build_bytes_vec().unwrap()
    }

    fn code(answer: &[u8]) -> u8 {
        answer[3] & 0x0f
    }

    #[test]
    fn a_name_of_cameras_leads_here_and_its_case_is_kept() {
        let asked = question("GLD.samsungOSP.com", TYPE::A.into());
        let answered = answer(&asked, Some(HERE), true).unwrap();
        assert_eq!(answered.len(), asked.len() + 16);
        assert_eq!(answered[2] & 0b1000_0101, 0b1000_0101, "QR, AA and RD");
        assert_eq!(answered[HEADER..asked.len()], asked[HEADER..]);
        let record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 168, 1, 10];
        assert_eq!(answered[asked.len()..], record);
    }

    #[test]
    fn other_types_of_its_names_are_empty_and_not_refused() {
        for kind in [TYPE::AAAA, TYPE::MX, TYPE::NS, TYPE::SOA, TYPE::Unknown(65)] {
            let asked = question("gld.samsungosp.com", kind.into());
            let answered = answer(&asked, Some(HERE), true).unwrap();
            assert_eq!((code(&answered), answered.len()), (0, asked.len()), "{kind:?}");
        }
    }

    #[test]
    fn every_other_name_is_refused_and_so_is_every_name_to_a_stranger() {
        let asked = question("example.org", TYPE::A.into());
        let refused = answer(&asked, Some(HERE), true).unwrap();
        assert_eq!((code(&refused), refused.len()), (5, asked.len()));
        let asked = question("gld.samsungosp.com", TYPE::A.into());
        assert_eq!(code(&answer(&asked, Some(HERE), false).unwrap()), 5);
    }

    #[test]
    fn answers_are_not_answered_and_the_rest_is_said_to_be_wrong() {
        let mut asked = question("gld.samsungosp.com", TYPE::A.into());
        asked[2] |= QR.1;
        assert_eq!(answer(&asked, Some(HERE), true), None);
        assert_eq!(answer(b"short", Some(HERE), true), None);
        let mut update = question("gld.samsungosp.com", TYPE::A.into());
        update[2] |= 5 << 3;
        assert_eq!(code(&answer(&update, Some(HERE), true).unwrap()), 4);
        assert_eq!(code(&answer(&[0; HEADER], Some(HERE), true).unwrap()), 1);
    }

    proptest! {
        #[test]
        fn no_answer_is_longer_than_its_question_by_more_than_16_bytes(
            noise in prop::collection::vec(any::<u8>(), 0..600),
            start in 0usize..40,
        ) {
            let mut asked = question("gld.samsungosp.com", TYPE::A.into());
            for (byte, noise) in asked.iter_mut().skip(start).zip(&noise) {
                *byte = *noise;
            }
            for asked in [asked.as_slice(), noise.as_slice()] {
                if let Some(answered) = answer(asked, Some(HERE), true) {
                    prop_assert!(answered.len() <= asked.len() + 16);
                }
            }
        }
    }
}
