//! Types and codes of errors (section 7.5.4), and of Open vSwitch's bundle errors, by name.

use super::ErrorMsg;

/// The name of an error's type, the prefix of its codes, and their names in order.
type Names = (&'static str, &'static str, &'static [&'static str]);

/// By error type.
#[rustfmt::skip]
const TYPES: &[Names] = &[
    ("HELLO_FAILED", "OFPHFC", &[
        "INCOMPATIBLE", "EPERM",
    ]),
    ("BAD_REQUEST", "OFPBRC", &[
        "BAD_VERSION", "BAD_TYPE", "BAD_MULTIPART", "BAD_EXPERIMENTER", "BAD_EXP_TYPE", "EPERM",
        "BAD_LEN", "BUFFER_EMPTY", "BUFFER_UNKNOWN", "BAD_TABLE_ID", "IS_SLAVE", "BAD_PORT",
        "BAD_PACKET", "MULTIPART_BUFFER_OVERFLOW",
    ]),
    ("BAD_ACTION", "OFPBAC", &[
        "BAD_TYPE", "BAD_LEN", "BAD_EXPERIMENTER", "BAD_EXP_TYPE", "BAD_OUT_PORT",
        "BAD_ARGUMENT", "EPERM", "TOO_MANY", "BAD_QUEUE", "BAD_OUT_GROUP", "MATCH_INCONSISTENT",
        "UNSUPPORTED_ORDER", "BAD_TAG", "BAD_SET_TYPE", "BAD_SET_LEN", "BAD_SET_ARGUMENT",
    ]),
    ("BAD_INSTRUCTION", "OFPBIC", &[
        "UNKNOWN_INST", "UNSUP_INST", "BAD_TABLE_ID", "UNSUP_METADATA", "UNSUP_METADATA_MASK",
        "BAD_EXPERIMENTER", "BAD_EXP_TYPE", "BAD_LEN", "EPERM",
    ]),
    ("BAD_MATCH", "OFPBMC", &[
        "BAD_TYPE", "BAD_LEN", "BAD_TAG", "BAD_DL_ADDR_MASK", "BAD_NW_ADDR_MASK",
        "BAD_WILDCARDS", "BAD_FIELD", "BAD_VALUE", "BAD_MASK", "BAD_PREREQ", "DUP_FIELD",
        "EPERM",
    ]),
    ("FLOW_MOD_FAILED", "OFPFMFC", &[
        "UNKNOWN", "TABLE_FULL", "BAD_TABLE_ID", "OVERLAP", "EPERM", "BAD_TIMEOUT",
        "BAD_COMMAND", "BAD_FLAGS",
    ]),
    ("GROUP_MOD_FAILED", "OFPGMFC", &[
        "GROUP_EXISTS", "INVALID_GROUP", "WEIGHT_UNSUPPORTED", "OUT_OF_GROUPS",
        "OUT_OF_BUCKETS", "CHAINING_UNSUPPORTED", "WATCH_UNSUPPORTED", "LOOP", "UNKNOWN_GROUP",
        "CHAINED_GROUP", "BAD_TYPE", "BAD_COMMAND", "BAD_BUCKET", "BAD_WATCH", "EPERM",
    ]),
    ("PORT_MOD_FAILED", "OFPPMFC", &[
        "BAD_PORT", "BAD_HW_ADDR", "BAD_CONFIG", "BAD_ADVERTISE", "EPERM",
    ]),
    ("TABLE_MOD_FAILED", "OFPTMFC", &[
        "BAD_TABLE", "BAD_CONFIG", "EPERM",
    ]),
    ("QUEUE_OP_FAILED", "OFPQOFC", &[
        "BAD_PORT", "BAD_QUEUE", "EPERM",
    ]),
    ("SWITCH_CONFIG_FAILED", "OFPSCFC", &[
        "BAD_FLAGS", "BAD_LEN", "EPERM",
    ]),
    ("ROLE_REQUEST_FAILED", "OFPRRFC", &[
        "STALE", "UNSUP", "BAD_ROLE",
    ]),
    ("METER_MOD_FAILED", "OFPMMFC", &[
        "UNKNOWN", "METER_EXISTS", "INVALID_METER", "UNKNOWN_METER", "BAD_COMMAND", "BAD_FLAGS",
        "BAD_RATE", "BAD_BURST", "BAD_BAND", "BAD_BAND_DETAIL", "OUT_OF_METERS", "OUT_OF_BANDS",
    ]),
    ("TABLE_FEATURES_FAILED", "OFPTFFC", &[
        "BAD_TABLE", "BAD_METADATA", "BAD_TYPE", "BAD_LEN", "BAD_ARGUMENT", "EPERM",
    ]),
];

/// Errors of the ONF extension for bundles (2300 and up in OpenFlow 1.3).
const BUNDLE: &[(u16, &str)] = &[
    (2300, "OFPBFC_UNKNOWN"),
    (2301, "OFPBFC_EPERM"),
    (2302, "OFPBFC_BAD_ID"),
    (2303, "OFPBFC_BUNDLE_EXIST"),
    (2304, "OFPBFC_BUNDLE_CLOSED"),
    (2305, "OFPBFC_OUT_OF_BUNDLES"),
    (2306, "OFPBFC_BAD_TYPE"),
    (2307, "OFPBFC_BAD_FLAGS"),
    (2308, "OFPBFC_MSG_BAD_LEN"),
    (2309, "OFPBFC_MSG_BAD_XID"),
    (2310, "OFPBFC_MSG_UNSUP"),
    (2311, "OFPBFC_MSG_CONFLICT"),
    (2312, "OFPBFC_MSG_TOO_MANY"),
    (2313, "OFPBFC_MSG_FAILED"),
    (2314, "OFPBFC_TIMEOUT"),
    (2315, "OFPBFC_BUNDLE_IN_PROGRESS"),
];

/// The name of an error type, such as `BAD_MATCH`.
pub fn type_name(error_type: u16) -> Option<&'static str> {
    TYPES.get(usize::from(error_type)).map(|(name, ..)| *name)
}

/// The name of a code, such as `OFPBMC_BAD_PREREQ`.
pub fn code_name(error_type: u16, code: u16) -> Option<String> {
    let (_, prefix, codes) = TYPES.get(usize::from(error_type))?;
    let code = codes.get(usize::from(code))?;
    Some(format!("{prefix}_{code}"))
}

impl ErrorMsg {
    /// The name of the code, if it is known.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Standard { error_type, code, .. } => code_name(*error_type, *code),
            Self::Experimenter { exp_type, experimenter: crate::oxm::field::ONF, .. } => {
                BUNDLE.iter().find(|(n, _)| n == exp_type).map(|(_, name)| (*name).to_owned())
            }
            Self::Experimenter { .. } => None,
        }
    }
}
