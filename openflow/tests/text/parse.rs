//! Texts read back, and what is wrong with those that cannot be.

use openflow::text::{self, ParseErrorKind as Kind, parse_actions, parse_flow, parse_group, parse_match};
use openflow::{Match, Message};
use proptest::prelude::*;

use crate::common;
use crate::oracle::{ofp_print, ovs};
use crate::random::{self, Rng};

/// The text of a flow as it is given to `ovs-ofctl add-flow`.
fn add_flow(flow: &openflow::msg::flow::FlowMod) -> String {
    let mut out = format!("table={},priority={}", flow.table_id.0, flow.priority);
    let mut add = |part: String| out = format!("{out},{part}");
    if flow.cookie != 0 {
        add(format!("cookie={:#x}", flow.cookie));
    }
    add(format!("idle_timeout={},hard_timeout={}", flow.idle_timeout, flow.hard_timeout));
    let names = ["send_flow_rem", "check_overlap", "reset_counts", "no_packet_counts", "no_byte_counts"];
    names.iter().enumerate().filter(|(i, _)| flow.flags.0 & (1 << i) != 0).for_each(|(_, name)| add((*name).into()));
    let matching = text::Match(&flow.matching).to_string();
    if !matching.is_empty() {
        add(matching);
    }
    add(format!("actions={}", text::Instructions(&flow.instructions)));
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_flow_reads_back(seed: u64) {
        let flow = random::flow_mod(&mut Rng::with_whole_sets(seed));
        let text = add_flow(&flow);
        let back = parse_flow(&text).map_err(|e| TestCaseError::fail(format!("{e} in {text}")))?;
        prop_assert_eq!(add_flow(&back), text);
    }

    #[test]
    fn a_group_reads_back(seed: u64) {
        let group = random::group_mod(&mut Rng::with_whole_sets(seed));
        let text = text::GroupMod(&group).to_string();
        let text = text.trim_start_matches("ADD ");
        let back = parse_group(text).map_err(|e| TestCaseError::fail(format!("{e} in {text}")))?;
        prop_assert_eq!(text::GroupMod(&back).to_string(), format!("ADD {text}"));
    }

    #[test]
    fn nothing_panics(text in "[a-z0-9_=:,()\\[\\]./>+ -]{0,80}", seed: u64, cut in 0_usize..400) {
        let _ = (parse_flow(&text), parse_match(&text), parse_actions(&text), parse_group(&text));
        let flow = add_flow(&random::flow_mod(&mut Rng::new(seed)));
        let cut: String = flow.chars().take(cut).chain(text.chars()).collect();
        let _ = parse_flow(&cut);
    }
}

/// What `ovs-ofctl parse-flows` makes of each line, or nothing if it refuses one of them.
fn parse_flows(lines: &[String]) -> Vec<String> {
    let file = tempfile::NamedTempFile::new().expect("temporary file");
    std::fs::write(file.path(), lines.join("\n")).expect("write");
    let mut ofctl = common::program("ovs-ofctl");
    ofctl.args(["-vconsole:off", "-O", "OpenFlow13", "parse-flows"]).arg(file.path());
    let out = ofctl.output().expect("ovs-ofctl runs");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    text.lines().filter_map(|l| l.split_once("): ").map(|(_, flow)| flow.trim_end().to_owned())).collect()
}

#[test]
fn ovs_reads_our_text_as_we_do() {
    if !ovs() {
        return;
    }
    let flows = (0..5000_u64).map(|seed| random::flow_mod(&mut Rng::new(seed)));
    let messages: Vec<Message> = flows.map(|flow| Message::new(1, flow)).collect();
    // those that ovs-ofctl refuses as bytes it refuses as text, too
    let taken = messages.iter().zip(ofp_print(&messages)).filter(|(_, t)| !t.contains("***decode error"));
    let lines: Vec<String> = taken
        .filter_map(|(m, _)| match &m.body {
            openflow::Body::FlowMod(flow) => Some(add_flow(flow)),
            _ => None,
        })
        // what ovs-ofctl prints and does not read
        .filter(|line| !line.contains("gtpu_") && !line.contains("resubmit(,)"))
        .collect();
    assert!(lines.len() > 3000, "only {} flows", lines.len());
    let theirs: Vec<String> = lines.chunks(50).flat_map(one_by_one).collect();
    let ours = lines.iter().map(|line| match parse_flow(line) {
        Ok(flow) => text::FlowMod(&flow).to_string(),
        Err(error) => error.to_string(),
    });
    let pairs = lines.iter().zip(ours.zip(&theirs));
    let wrong: Vec<String> = pairs
        .filter(|(_, (ours, theirs))| !theirs.is_empty() && ours != *theirs)
        .map(|(line, (ours, theirs))| format!("text   {line}\nours   {ours}\ntheirs {theirs}\n"))
        .collect();
    let refused = theirs.iter().filter(|t| t.is_empty()).count();
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        lines.len(),
        wrong.iter().take(8).cloned().collect::<String>()
    );
    assert!(refused * 10 < lines.len(), "{refused} of {} texts are refused by ovs-ofctl", lines.len());
}

/// All lines at once; if one is refused, each alone.
fn one_by_one(lines: &[String]) -> Vec<String> {
    let all = parse_flows(lines);
    if all.len() == lines.len() || lines.len() == 1 {
        return if all.is_empty() { vec![String::new()] } else { all };
    }
    let (left, right) = lines.split_at(lines.len() / 2);
    [one_by_one(left), one_by_one(right)].concat()
}

fn flow_error(text: &str) -> (usize, String, Kind) {
    let error = parse_flow(text).expect_err(text);
    (error.at, error.token, error.kind)
}

#[test]
fn an_error_names_the_token_and_where_it_stands() {
    assert_eq!(flow_error("tcp,foo=1,actions=drop"), (4, "foo".into(), Kind::UnknownField));
    assert_eq!(flow_error("ip,actions=output:1,fly"), (20, "fly".into(), Kind::UnknownAction));
    assert_eq!(flow_error("ip,nw_src=1.2.3,actions="), (10, "1.2.3".into(), Kind::Expected("an IPv4 address")));
    assert_eq!(flow_error("nw_src=1.2.3.4,actions=drop"), (0, "nw_src".into(), Kind::Needs("ip")));
    assert_eq!(flow_error("tcp"), (0, "tcp".into(), Kind::Expected("actions=")));
    assert_eq!(flow_error("actions=clone(output:1"), (8, "clone(output:1".into(), Kind::Unbalanced));
    assert_eq!(flow_error("table=256,actions=drop"), (6, "256".into(), Kind::OutOfRange));
    assert_eq!(flow_error("actions=goto_table:1,output:2"), (21, "output".into(), Kind::Order));
    let error = parse_flow("priority=x,actions=drop").expect_err("no number");
    assert_eq!(error.to_string(), "expected a number at byte 9: \"x\"");
}

#[test]
fn nesting_is_bounded() {
    let nested = |n: usize| format!("actions={}output:1{}", "clone(".repeat(n), ")".repeat(n));
    assert!(parse_flow(&nested(8)).is_ok());
    assert_eq!(parse_flow(&nested(9)).expect_err("too deep").kind, Kind::TooDeep);
    assert_eq!(parse_flow(&nested(100_000)).expect_err("too deep").kind, Kind::TooDeep);
}

#[test]
fn a_name_means_what_the_protocol_says() {
    let udp = parse_match("udp,tp_dst=53,nw_src=10.0.0.0/8").expect("a match");
    let by_hand = Match::new().eth_type(0x0800).ip_proto(17).ipv4_src(("10.0.0.0".parse().expect("address"), 8));
    assert_eq!(udp, by_hand.udp_dst(53));
    let arp = parse_match("arp,nw_dst=10.0.0.1").expect("a match");
    assert_eq!(arp, Match::new().eth_type(0x0806).arp_tpa("10.0.0.1".parse::<std::net::Ipv4Addr>().expect("address")));
}
