//! Types and codes of errors (section 7.5.4; those that OpenFlow 1.4 and 1.5 add, too), and those of
//! ONF and Nicira, by name.

use super::ErrorMsg;
use crate::oxm::field::{NICIRA, ONF};

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
        "BAD_PACKET", "MULTIPART_BUFFER_OVERFLOW", "MULTIPART_REQUEST_TIMEOUT",
        "MULTIPART_REPLY_TIMEOUT", "MULTIPART_BAD_SCHED", "PIPELINE_FIELDS_ONLY", "UNKNOWN",
    ]),
    ("BAD_ACTION", "OFPBAC", &[
        "BAD_TYPE", "BAD_LEN", "BAD_EXPERIMENTER", "BAD_EXP_TYPE", "BAD_OUT_PORT",
        "BAD_ARGUMENT", "EPERM", "TOO_MANY", "BAD_QUEUE", "BAD_OUT_GROUP", "MATCH_INCONSISTENT",
        "UNSUPPORTED_ORDER", "BAD_TAG", "BAD_SET_TYPE", "BAD_SET_LEN", "BAD_SET_ARGUMENT",
        "BAD_SET_MASK", "BAD_METER",
    ]),
    ("BAD_INSTRUCTION", "OFPBIC", &[
        "UNKNOWN_INST", "UNSUP_INST", "BAD_TABLE_ID", "UNSUP_METADATA", "UNSUP_METADATA_MASK",
        "BAD_EXPERIMENTER", "BAD_EXP_TYPE", "BAD_LEN", "EPERM", "DUP_INST",
    ]),
    ("BAD_MATCH", "OFPBMC", &[
        "BAD_TYPE", "BAD_LEN", "BAD_TAG", "BAD_DL_ADDR_MASK", "BAD_NW_ADDR_MASK",
        "BAD_WILDCARDS", "BAD_FIELD", "BAD_VALUE", "BAD_MASK", "BAD_PREREQ", "DUP_FIELD",
        "EPERM",
    ]),
    ("FLOW_MOD_FAILED", "OFPFMFC", &[
        "UNKNOWN", "TABLE_FULL", "BAD_TABLE_ID", "OVERLAP", "EPERM", "BAD_TIMEOUT",
        "BAD_COMMAND", "BAD_FLAGS", "CANT_SYNC", "BAD_PRIORITY", "IS_SYNC",
    ]),
    ("GROUP_MOD_FAILED", "OFPGMFC", &[
        "GROUP_EXISTS", "INVALID_GROUP", "WEIGHT_UNSUPPORTED", "OUT_OF_GROUPS",
        "OUT_OF_BUCKETS", "CHAINING_UNSUPPORTED", "WATCH_UNSUPPORTED", "LOOP", "UNKNOWN_GROUP",
        "CHAINED_GROUP", "BAD_TYPE", "BAD_COMMAND", "BAD_BUCKET", "BAD_WATCH", "EPERM",
        "UNKNOWN_BUCKET", "BUCKET_EXISTS",
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
        "STALE", "UNSUP", "BAD_ROLE", "ID_UNSUP", "ID_IN_USE",
    ]),
    ("METER_MOD_FAILED", "OFPMMFC", &[
        "UNKNOWN", "METER_EXISTS", "INVALID_METER", "UNKNOWN_METER", "BAD_COMMAND", "BAD_FLAGS",
        "BAD_RATE", "BAD_BURST", "BAD_BAND", "BAD_BAND_VALUE", "OUT_OF_METERS", "OUT_OF_BANDS",
    ]),
    ("TABLE_FEATURES_FAILED", "OFPTFFC", &[
        "BAD_TABLE", "BAD_METADATA", "BAD_TYPE", "BAD_LEN", "BAD_ARGUMENT", "EPERM",
        "BAD_CAPA", "BAD_MAX_ENT", "BAD_FEATURES", "BAD_COMMAND", "TOO_MANY",
    ]),
    ("BAD_PROPERTY", "OFPBPC", &[
        "BAD_TYPE", "BAD_LEN", "BAD_VALUE", "TOO_MANY", "DUP_TYPE", "BAD_EXPERIMENTER",
        "BAD_EXP_TYPE", "BAD_EXP_VALUE", "EPERM",
    ]),
    ("ASYNC_CONFIG_FAILED", "OFPACFC", &[
        "INVALID", "UNSUPPORTED", "EPERM",
    ]),
    ("FLOW_MONITOR_FAILED", "OFPMOFC", &[
        "UNKNOWN", "MONITOR_EXISTS", "INVALID_MONITOR", "UNKNOWN_MONITOR", "BAD_COMMAND",
        "BAD_FLAGS", "BAD_TABLE_ID", "BAD_OUT",
    ]),
    ("BUNDLE_FAILED", "OFPBFC", &[
        "UNKNOWN", "EPERM", "BAD_ID", "BUNDLE_EXIST", "BUNDLE_CLOSED", "OUT_OF_BUNDLES",
        "BAD_TYPE", "BAD_FLAGS", "MSG_BAD_LEN", "MSG_BAD_XID", "MSG_UNSUP", "MSG_CONFLICT",
        "MSG_TOO_MANY", "MSG_FAILED", "TIMEOUT", "BUNDLE_IN_PROGRESS", "SCHED_NOT_SUPPORTED",
        "SCHED_FUTURE", "SCHED_PAST",
    ]),
];

/// Errors of ONF extensions to OpenFlow 1.3, which are what later versions number otherwise.
const ONF_CODES: &[(u16, &str)] = &[
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
    (2360, "OFPFMFC_BAD_PRIORITY"),
    (2370, "OFPACFC_INVALID"),
    (2371, "OFPACFC_UNSUPPORTED"),
    (2372, "OFPACFC_EPERM"),
    (2600, "OFPBIC_DUP_INST"),
    (2640, "OFPBRC_MULTIPART_REQUEST_TIMEOUT"),
    (2641, "OFPBRC_MULTIPART_REPLY_TIMEOUT"),
];

/// Errors of Nicira, as Open vSwitch numbers and names them.
const NICIRA_CODES: &[(u16, &str)] = &[
    (2, "NXBRC_NXM_INVALID"),
    (3, "NXBRC_NXM_BAD_TYPE"),
    (4, "NXBRC_MUST_BE_ZERO"),
    (5, "NXBRC_BAD_REASON"),
    (6, "OFPMOFC_MONITOR_EXISTS"),
    (7, "OFPMOFC_BAD_FLAGS"),
    (8, "OFPMOFC_UNKNOWN_MONITOR"),
    (9, "NXBRC_FM_BAD_EVENT"),
    (10, "NXBRC_UNENCODABLE_ERROR"),
    (11, "NXBAC_MUST_BE_ZERO"),
    (12, "NXFMFC_HARDWARE"),
    (13, "NXFMFC_BAD_TABLE_ID"),
    (15, "NXBAC_BAD_CONJUNCTION"),
    (16, "NXTTMFC_BAD_COMMAND"),
    (17, "NXTTMFC_BAD_OPT_LEN"),
    (18, "NXTTMFC_BAD_FIELD_IDX"),
    (19, "NXTTMFC_TABLE_FULL"),
    (20, "NXTTMFC_ALREADY_MAPPED"),
    (21, "NXTTMFC_DUP_ENTRY"),
    (22, "OFPBFC_BAD_VERSION"),
    (23, "NXQOFC_QUEUE_ERROR"),
    (25, "OFPBPC_BAD_TYPE"),
    (26, "OFPBPC_BAD_LEN"),
    (27, "OFPBPC_BAD_VALUE"),
    (28, "OFPBPC_TOO_MANY"),
    (29, "OFPBPC_DUP_TYPE"),
    (30, "OFPBPC_BAD_EXPERIMENTER"),
    (31, "OFPBPC_BAD_EXP_TYPE"),
    (32, "OFPBPC_BAD_EXP_VALUE"),
    (33, "OFPBPC_EPERM"),
    (34, "NXR_NOT_SUPPORTED"),
    (35, "NXR_STALE"),
    (36, "NXST_NOT_CONFIGURED"),
    (37, "NXFMFC_INVALID_TLV_FIELD"),
    (38, "NXTTMFC_INVALID_TLV_DEL"),
    (39, "NXBAC_BAD_HEADER_TYPE"),
    (40, "NXBAC_UNKNOWN_ED_PROP"),
    (41, "NXBAC_BAD_ED_PROP"),
    (42, "NXBAC_CT_DATAPATH_SUPPORT"),
    (43, "NXBMC_CT_DATAPATH_SUPPORT"),
    (44, "NXTFFC_DUP_TABLE"),
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
        let (codes, code) = match self {
            Self::Standard { error_type, code, .. } => return code_name(*error_type, *code),
            Self::Experimenter { exp_type, experimenter: ONF, .. } => (ONF_CODES, exp_type),
            Self::Experimenter { exp_type, experimenter: NICIRA, .. } => (NICIRA_CODES, exp_type),
            Self::Experimenter { .. } => return None,
        };
        codes.iter().find(|(n, _)| n == code).map(|(_, name)| (*name).to_owned())
    }
}
