//! Joins the parts of an answer.

use crate::msg::experimenter::ExperimenterReply;
use crate::multipart::MultipartReplyBody as Reply;

/// Appends a part to those before it; `None` if it is of another kind or of one without parts.
pub(super) fn append(whole: &mut Reply, part: Reply) -> Option<()> {
    match (whole, part) {
        (Reply::Flow(a), Reply::Flow(b)) => a.extend(b),
        (Reply::Table(a), Reply::Table(b)) => a.extend(b),
        (Reply::PortStats(a), Reply::PortStats(b)) => a.extend(b),
        (Reply::Queue(a), Reply::Queue(b)) => a.extend(b),
        (Reply::Group(a), Reply::Group(b)) => a.extend(b),
        (Reply::GroupDesc(a), Reply::GroupDesc(b)) => a.extend(b),
        (Reply::Meter(a), Reply::Meter(b)) => a.extend(b),
        (Reply::MeterConfig(a), Reply::MeterConfig(b)) => a.extend(b),
        (Reply::TableFeatures(a), Reply::TableFeatures(b)) => a.extend(b),
        (Reply::PortDesc(a), Reply::PortDesc(b)) => a.extend(b),
        (Reply::Experimenter(a), Reply::Experimenter(b)) => return append_experimenter(a, b),
        _ => return None,
    }
    Some(())
}

fn append_experimenter(whole: &mut ExperimenterReply, part: ExperimenterReply) -> Option<()> {
    use ExperimenterReply as E;
    match (whole, part) {
        (E::OnfstFlowMonitor(a), E::OnfstFlowMonitor(b)) => a.updates.extend(b.updates),
        (E::NxstIpfixFlow(a), E::NxstIpfixFlow(b)) => a.stats.extend(b.stats),
        (
            E::Other { experimenter: ea, exp_type: ta, data: a },
            E::Other { experimenter: eb, exp_type: tb, data: b },
        ) if (*ea, *ta) == (eb, tb) => a.0.extend_from_slice(&b),
        _ => return None,
    }
    Some(())
}
