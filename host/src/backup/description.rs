//! What the server says of itself: the documents that a camera reads before it
//! sends anything. Names and values are those of Samsung's program, whose part
//! this server plays; which of them cameras look at is not known.

use std::fmt::Write as _;

use super::soap::escaped;
use super::ssdp::{CONNECTION_MANAGER, CONTENT_DIRECTORY, DEVICE};
use crate::pairing::Udn;

/// The device: small enough to leave in one segment.
pub fn device(udn: &Udn, name: &str) -> String {
    let service = |kind: &str, name: &str| {
        format!(
            "<service><serviceType>{kind}</serviceType>\
             <serviceId>urn:upnp-org:serviceId:{name}</serviceId>\
             <controlURL>/upnp/control/{name}1</controlURL>\
             <eventSubURL>/upnp/event/{name}1</eventSubURL>\
             <SCPDURL>{name}1.xml</SCPDURL></service>"
        )
    };
    format!(
        "<?xml version=\"1.0\"?>\n\
         <root xmlns=\"urn:schemas-upnp-org:device-1-0\" \
         xmlns:dlna=\"urn:schemas-dlna-org:device-1-0\" xmlns:sec=\"http://www.sec.co.kr/dlna\">\
         <specVersion><major>1</major><minor>0</minor></specVersion><device>\
         <dlna:X_DLNADOC>DMS-1.50</dlna:X_DLNADOC>\
         <deviceType>{DEVICE}</deviceType>\
         <friendlyName>{name}</friendlyName>\
         <manufacturer>Samsung Electronics</manufacturer>\
         <manufacturerURL>http://www.samsung.com</manufacturerURL>\
         <modelDescription>Samsung PC AutoBackup</modelDescription>\
         <modelName>WiselinkPro</modelName>\
         <modelNumber>1.0</modelNumber>\
         <modelURL>http://www.samsung.com</modelURL>\
         <serialNumber>20080818WiselinkPro</serialNumber>\
         <sec:ProductCap>smi,DCM10,getMediaInfo.sec,getCaptionInfo.sec</sec:ProductCap>\
         <UDN>{udn}</UDN><serviceList>{}{}</serviceList></device></root>",
        service(CONTENT_DIRECTORY, "ContentDirectory"),
        service(CONNECTION_MANAGER, "ConnectionManager"),
        name = escaped(name),
    )
}

/// An action of a service: its name, what goes in, what comes out; each
/// argument with the state variable that it is bound to.
type Action = (&'static str, &'static [Argument], &'static [Argument]);
type Argument = (&'static str, &'static str);

/// A state variable: its name, its type, whether it sends events, and the
/// values that it may have if not all of its type.
type Variable = (&'static str, &'static str, bool, &'static [&'static str]);

const OBJECT_ID: &str = "A_ARG_TYPE_ObjectID";
const RESULT: &str = "A_ARG_TYPE_Result";
const INDEX: &str = "A_ARG_TYPE_Index";
const COUNT: &str = "A_ARG_TYPE_Count";
const CATEGORY: &str = "A_ARG_TYPE_CategoryType";

const CONTENT_DIRECTORY_ACTIONS: &[Action] = &[
    ("GetSystemUpdateID", &[], &[("Id", "SystemUpdateID")]),
    ("GetSearchCapabilities", &[], &[("SearchCaps", "SearchCapabilities")]),
    ("GetSortCapabilities", &[], &[("SortCaps", "SortCapabilities")]),
    ("X_GetLocalPath", &[("ObjectID", OBJECT_ID)], &[("LocalPath", "A_ARG_TYPE_LocalPath")]),
    (
        "X_GetIndexfromRID",
        &[("CategoryType", CATEGORY), ("RID", "A_ARG_TYPE_RID")],
        &[("Index", INDEX)],
    ),
    (
        "X_GetObjectIDfromIndex",
        &[("CategoryType", CATEGORY), ("Index", INDEX)],
        &[("ObjectID", OBJECT_ID)],
    ),
    ("X_BACKUP_START", &[], &[]),
    ("X_BACKUP_DONE", &[("SystemOff", INDEX)], &[]),
    ("X_SystemOff", &[], &[]),
    (
        "Browse",
        &[
            ("ObjectID", OBJECT_ID),
            ("BrowseFlag", "A_ARG_TYPE_BrowseFlag"),
            ("Filter", "A_ARG_TYPE_Filter"),
            ("StartingIndex", INDEX),
            ("RequestedCount", COUNT),
            ("SortCriteria", "A_ARG_TYPE_SortCriteria"),
        ],
        &[
            ("Result", RESULT),
            ("NumberReturned", COUNT),
            ("TotalMatches", COUNT),
            ("UpdateID", "A_ARG_TYPE_UpdateID"),
        ],
    ),
    (
        "CreateObject",
        &[("ContainerID", OBJECT_ID), ("Elements", RESULT)],
        &[("ObjectID", OBJECT_ID), ("Result", RESULT)],
    ),
];

const CONTENT_DIRECTORY_VARIABLES: &[Variable] = &[
    (OBJECT_ID, "string", false, &[]),
    (RESULT, "string", false, &[]),
    ("A_ARG_TYPE_SortCriteria", "string", false, &[]),
    ("A_ARG_TYPE_Filter", "string", false, &[]),
    ("A_ARG_TYPE_LocalPath", "string", false, &[]),
    ("A_ARG_TYPE_UpdateID", "ui4", false, &[]),
    (INDEX, "ui4", false, &[]),
    (COUNT, "ui4", false, &[]),
    (CATEGORY, "ui4", false, &[]),
    ("A_ARG_TYPE_RID", "ui4", false, &[]),
    ("A_ARG_TYPE_BrowseFlag", "string", false, &["BrowseMetadata", "BrowseDirectChildren"]),
    ("SystemUpdateID", "ui4", true, &[]),
    ("SearchCapabilities", "string", false, &[]),
    ("SortCapabilities", "string", false, &[]),
];

const CONNECTION: &str = "A_ARG_TYPE_ConnectionID";
const PROTOCOL: &str = "A_ARG_TYPE_ProtocolInfo";

const CONNECTION_MANAGER_ACTIONS: &[Action] = &[
    ("GetProtocolInfo", &[], &[("Source", "SourceProtocolInfo"), ("Sink", "SinkProtocolInfo")]),
    ("GetCurrentConnectionIDs", &[], &[("ConnectionIDs", "CurrentConnectionIDs")]),
    ("X_ChangeFriendlyName", &[("FriendlyName", "A_ARG_TYPE_FriendlyName")], &[]),
    (
        "GetCurrentConnectionInfo",
        &[("ConnectionID", CONNECTION)],
        &[
            ("RcsID", "A_ARG_TYPE_RcsID"),
            ("AVTransportID", "A_ARG_TYPE_AVTransportID"),
            ("ProtocolInfo", PROTOCOL),
            ("PeerConnectionManager", "A_ARG_TYPE_ConnectionManager"),
            ("PeerConnectionID", CONNECTION),
            ("Direction", "A_ARG_TYPE_Direction"),
            ("Status", "A_ARG_TYPE_ConnectionStatus"),
        ],
    ),
];

const CONNECTION_MANAGER_VARIABLES: &[Variable] = &[
    ("SourceProtocolInfo", "string", true, &[]),
    ("SinkProtocolInfo", "string", true, &[]),
    ("CurrentConnectionIDs", "string", true, &[]),
    ("A_ARG_TYPE_FriendlyName", "string", false, &[]),
    (CONNECTION, "i4", false, &[]),
    ("A_ARG_TYPE_RcsID", "i4", false, &[]),
    ("A_ARG_TYPE_AVTransportID", "i4", false, &[]),
    (PROTOCOL, "string", false, &[]),
    ("A_ARG_TYPE_ConnectionManager", "string", false, &[]),
    ("A_ARG_TYPE_Direction", "string", false, &["Input", "Output"]),
    (
        "A_ARG_TYPE_ConnectionStatus",
        "string",
        false,
        &["OK", "ContentFormatMismatch", "InsufficientBandwidth", "UnreliableChannel", "Unknown"],
    ),
];

/// The service that takes files.
pub fn content_directory() -> String {
    service(CONTENT_DIRECTORY_ACTIONS, CONTENT_DIRECTORY_VARIABLES)
}

/// The other service.
pub fn connection_manager() -> String {
    service(CONNECTION_MANAGER_ACTIONS, CONNECTION_MANAGER_VARIABLES)
}

fn service(actions: &[Action], variables: &[Variable]) -> String {
    let mut xml = "<?xml version=\"1.0\"?>\n<scpd xmlns=\"urn:schemas-upnp-org:service-1-0\">\
        <specVersion><major>1</major><minor>0</minor></specVersion><actionList>"
        .to_owned();
    for (name, ins, outs) in actions {
        let _ = write!(xml, "<action><name>{name}</name>");
        if !ins.is_empty() || !outs.is_empty() {
            xml.push_str("<argumentList>");
            let ins = ins.iter().map(|argument| (argument, "in"));
            for ((name, variable), direction) in ins.chain(outs.iter().map(|a| (a, "out"))) {
                let _ = write!(
                    xml,
                    "<argument><name>{name}</name><direction>{direction}</direction>\
                     <relatedStateVariable>{variable}</relatedStateVariable></argument>"
                );
            }
            xml.push_str("</argumentList>");
        }
        xml.push_str("</action>");
    }
    xml.push_str("</actionList><serviceStateTable>");
    for (name, kind, sends_events, values) in variables {
        let events = if *sends_events { "yes" } else { "no" };
        let _ = write!(
            xml,
            "<stateVariable sendEvents=\"{events}\"><name>{name}</name><dataType>{kind}</dataType>"
        );
        if !values.is_empty() {
            xml.push_str("<allowedValueList>");
            for value in *values {
                let _ = write!(xml, "<allowedValue>{value}</allowedValue>");
            }
            xml.push_str("</allowedValueList>");
        }
        xml.push_str("</stateVariable>");
    }
    xml.push_str("</serviceStateTable></scpd>");
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_fits_one_segment_and_its_name_is_a_text() {
        let udn = Udn::parse("uuid:4a682b0b-0361-dbae-6155-0123456789ab").unwrap();
        let longest = "W".repeat(32);
        let xml = device(&udn, &longest);
        assert!(xml.len() < 1_600, "{}", xml.len());
        let hostile = device(&udn, "Tom & <Anna>");
        assert!(hostile.contains("<friendlyName>Tom &amp; &lt;Anna&gt;</friendlyName>"));
        assert!(hostile.contains(&format!("<UDN>{udn}</UDN>")));
    }

    #[test]
    fn every_argument_is_bound_to_a_variable_that_is_there() {
        for (actions, variables) in [
            (CONTENT_DIRECTORY_ACTIONS, CONTENT_DIRECTORY_VARIABLES),
            (CONNECTION_MANAGER_ACTIONS, CONNECTION_MANAGER_VARIABLES),
        ] {
            for (action, ins, outs) in actions {
                for (argument, variable) in ins.iter().chain(*outs) {
                    let is_there = variables.iter().any(|(name, ..)| name == variable);
                    assert!(is_there, "{action} {argument}: {variable}");
                }
            }
        }
    }
}
