use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use api::{Found, Name as ObjectName, NameKey, NameKeys, Named, NamesAnswer, NamesConfig, NamesNetwork, Target};
use hickory_proto::{
    op::{Edns, Message, OpCode, Query, ResponseCode},
    rr::{Name, RData, RecordType},
};

use super::{
    answer::{Outcome, answer},
    book::Book,
    client::Client,
    zone::{Asked, Zone},
};

fn object(text: &str) -> ObjectName {
    ObjectName::new(text).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn zone(network: &str) -> Zone {
    let config = NamesConfig {
        domain: "sdn.internal".into(),
        address: ip("169.254.77.53"),
        address6: Some("fda9:fe4d:35::53".parse().unwrap()),
        networks: [(object(network), NamesNetwork { internal: false })].into(),
        ranges: vec!["10.244.0.0/16".parse().unwrap(), "10.96.0.0/12".parse().unwrap(), "fd00::/16".parse().unwrap()],
    };
    Zone::new(&config, object(network)).unwrap()
}

fn endpoint(name: &str, ips: &[&str]) -> Found {
    let ips = ips.iter().map(|text| ip(text)).collect();
    Found { name: object(name), ips, ports: Vec::new(), backends: Vec::new(), service: false }
}

fn service(name: &str, vip: &[&str], backends: usize) -> Found {
    let target = |n: usize| Target {
        name: object(&format!("web-{n}")),
        ips: vec![ip(&format!("10.244.{}.{}", n / 250, n % 250 + 2))],
    };
    Found {
        service: true,
        ports: vec!["80:8080/tcp".parse().unwrap(), "53/udp".parse().unwrap()],
        backends: (0..backends).map(target).collect(),
        ..endpoint(name, vip)
    }
}

fn key(name: &str) -> NameKey {
    NameKey::Name(name.into())
}

fn tasks(name: &str) -> NameKey {
    NameKey::Backends(name.into())
}

/// A book with these names of network `default`, all asked for.
fn book(names: &[(NameKey, Option<Found>)]) -> Book {
    let mut book = Book::default();
    learn(&mut book, names, true, Instant::now());
    book
}

fn learn(book: &mut Book, names: &[(NameKey, Option<Found>)], wanted: bool, now: Instant) {
    let named = |(key, found): &(NameKey, Option<Found>)| Named {
        network: object("default"),
        key: key.clone(),
        found: found.clone(),
    };
    let keys: NameKeys = [(object("default"), names.iter().map(|(key, _)| key.clone()).collect())].into();
    let answer = NamesAnswer { revision: 7, names: names.iter().map(named).collect() };
    book.learn(answer, &if wanted { keys } else { NameKeys::new() }, now);
}

fn full() -> Book {
    book(&[
        (key("web"), Some(service("web", &["10.96.0.10"], 0))),
        (tasks("web"), Some(service("web", &["10.96.0.10"], 3))),
        (key("bare"), Some(service("bare", &[], 2))),
        (key("db"), Some(endpoint("db", &["10.244.1.7", "fd00::7"]))),
        (key("a.b"), Some(endpoint("a.b", &["10.244.1.8"]))),
        (key("none"), None),
        (tasks("none"), None),
        (NameKey::Ip(ip("10.244.1.7")), Some(endpoint("db", &["10.244.1.7"]))),
        (NameKey::Ip(ip("10.244.1.9")), None),
        (NameKey::Ip(ip("10.96.0.10")), Some(service("web", &["10.96.0.10"], 0))),
        (NameKey::Ip(ip("fd00::7")), Some(endpoint("db", &["fd00::7"]))),
    ])
}

fn query(name: &str, of: RecordType) -> Message {
    let mut name = Name::from_ascii(name).unwrap();
    name.set_fqdn(true);
    let mut message = Message::query();
    message.metadata.id = 0x1234;
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, of));
    message
}

fn client(forwards: bool) -> Client {
    Client { network: object("default"), forwards }
}

fn put(message: &Message, tcp: bool, book: &mut Book) -> Outcome {
    answer(&message.to_vec().unwrap(), tcp, &client(true), &zone("default"), book, (Instant::now(), 0))
}

fn reply(message: &Message, tcp: bool, book: &mut Book) -> (Message, usize) {
    let Outcome::Reply(bytes) = put(message, tcp, book) else { panic!("{:?}", put(message, tcp, book)) };
    (Message::from_vec(&bytes).unwrap(), bytes.len())
}

/// The answers, or the response code; `nodata` when there are none.
fn ask(name: &str, of: RecordType) -> Vec<String> {
    let (reply, _) = reply(&query(name, of), false, &mut full());
    assert_eq!(reply.metadata.id, 0x1234);
    assert!(reply.metadata.recursion_available && reply.metadata.recursion_desired);
    let empty = reply.answers.is_empty() && reply.metadata.authoritative;
    let authority = matches!(reply.authorities.first().map(|r| &r.data), Some(RData::SOA(_)));
    assert_eq!(authority, empty, "{name} {of}: nothing has a SOA with it, and only that");
    match (reply.metadata.response_code, reply.answers.is_empty()) {
        (ResponseCode::NoError, true) => vec!["nodata".into()],
        (ResponseCode::NoError, false) => reply.answers.iter().map(|r| r.data.to_string()).collect(),
        (code, _) => vec![format!("{code:?}")],
    }
}

#[test]
fn services_and_endpoints_have_names_short_and_whole() {
    for suffix in ["", ".default.sdn.internal", ".DEFAULT.Sdn.Internal"] {
        let ask = |name: &str, of| ask(&format!("{name}{suffix}"), of);
        assert_eq!(ask("web", RecordType::A), ["10.96.0.10"]);
        assert_eq!(ask("WEB", RecordType::A), ["10.96.0.10"]);
        assert_eq!(ask("tasks.web", RecordType::A), ["10.244.0.2", "10.244.0.3", "10.244.0.4"]);
        assert_eq!(ask("bare", RecordType::A), ["10.244.0.2", "10.244.0.3"]);
        assert_eq!(ask("db", RecordType::AAAA), ["fd00::7"]);
        assert_eq!(ask("db", RecordType::ANY), ["10.244.1.7", "fd00::7"]);
        assert_eq!(ask("web", RecordType::AAAA), ["nodata"]);
        assert_eq!(ask("web", RecordType::TXT), ["nodata"]);
    }
    assert_eq!(ask("a.b.default.sdn.internal", RecordType::A), ["10.244.1.8"]);
    assert_eq!(ask("none.default.sdn.internal", RecordType::A), ["NXDomain"]);
}

#[test]
fn ports_are_told_with_their_names_addresses() {
    let whole = "_80._tcp.web.default.sdn.internal";
    assert_eq!(ask(whole, RecordType::SRV), ["0 1 80 web.default.sdn.internal."]);
    let both = ["0 1 80 web.default.sdn.internal.", "0 1 53 web.default.sdn.internal."];
    assert_eq!(ask("web", RecordType::SRV), both);
    let backends = ["0 1 8080 web-0.default.sdn.internal.", "0 1 8080 web-1.default.sdn.internal."];
    assert_eq!(ask("_80._tcp.bare", RecordType::SRV), backends);
    assert_eq!(ask("_80._tcp.tasks.web", RecordType::SRV).len(), 3);
    assert_eq!(ask(whole, RecordType::A), ["nodata"]);
    for absent in ["_81._tcp", "_80._udp", "_http._tcp", "_80._icmp", "_99999._tcp", "_80"] {
        assert_eq!(ask(&format!("{absent}.web.default.sdn.internal"), RecordType::SRV), ["NXDomain"], "{absent}");
    }
    let (reply, _) = reply(&query("_80._tcp.bare", RecordType::SRV), false, &mut full());
    assert_eq!(reply.additionals.len(), 2, "the addresses of its targets");
}

#[test]
fn addresses_have_names_and_those_of_others_none() {
    assert_eq!(ask("7.1.244.10.in-addr.arpa", RecordType::PTR), ["db.default.sdn.internal."]);
    assert_eq!(ask("10.0.96.10.in-addr.arpa", RecordType::PTR), ["web.default.sdn.internal."]);
    assert_eq!(ask("7.1.244.10.in-addr.arpa", RecordType::A), ["nodata"]);
    assert_eq!(ask("9.1.244.10.in-addr.arpa", RecordType::PTR), ["NXDomain"]);
    assert_eq!(ask("1.244.10.in-addr.arpa", RecordType::PTR), ["nodata"], "there are names below");
    let six = Name::from(ip("fd00::7")).to_ascii();
    assert_eq!(ask(&six, RecordType::PTR), ["db.default.sdn.internal."]);
    assert!(matches!(put(&query("1.2.0.192.in-addr.arpa", RecordType::PTR), false, &mut full()), Outcome::Forward(_)));
}

#[test]
fn the_domain_has_an_authority() {
    assert_eq!(ask("sdn.internal", RecordType::NS), ["ns.sdn.internal."]);
    assert_eq!(ask("ns.sdn.internal", RecordType::A), ["169.254.77.53"]);
    assert!(ask("sdn.internal", RecordType::SOA)[0].starts_with("ns.sdn.internal. hostmaster.sdn.internal."));
    assert_eq!(ask("sdn.internal", RecordType::A), ["nodata"]);
    assert_eq!(ask("default.sdn.internal", RecordType::A), ["nodata"]);
}

#[test]
fn networks_do_not_see_each_others_names() {
    let other = zone("blue");
    let name = Name::from_ascii("web.default.sdn.internal.").unwrap();
    assert_eq!(other.asked(&name), Asked::Nothing);
    let Asked::Object { key: found, .. } = other.asked(&Name::from_ascii("web.").unwrap()) else { panic!() };
    assert_eq!(found, key("web"));
    let blue = Client { network: object("blue"), forwards: true };
    let bytes = query("web", RecordType::A).to_vec().unwrap();
    let outcome = answer(&bytes, false, &blue, &other, &mut full(), (Instant::now(), 0));
    assert_eq!(outcome, Outcome::Need(object("blue"), key("web")), "that of default is not blue's");
}

#[test]
fn what_is_not_ours_is_asked_outside_unless_nothing_leads_there() {
    for name in ["example.com", "web.example.com", "sdn.internal.example.com", "none", "tasks.none", "", "internal"] {
        let outcome = put(&query(name, RecordType::A), false, &mut {
            let mut book = full();
            learn(&mut book, &[(key("internal"), None)], true, Instant::now());
            book
        });
        assert!(matches!(outcome, Outcome::Forward(_)), "{name}: {outcome:?}");
    }
    let bytes = query("example.com", RecordType::A).to_vec().unwrap();
    let Outcome::Reply(reply) =
        answer(&bytes, false, &client(false), &zone("default"), &mut full(), (Instant::now(), 0))
    else {
        panic!("an internal network's clients are refused")
    };
    assert_eq!(Message::from_vec(&reply).unwrap().metadata.response_code, ResponseCode::Refused);
}

#[test]
fn what_is_unknown_is_asked_for() {
    let needed = put(&query("new.default.sdn.internal", RecordType::A), false, &mut full());
    assert_eq!(needed, Outcome::Need(object("default"), key("new")));
    let needed = put(&query("tasks.new", RecordType::A), false, &mut full());
    assert_eq!(needed, Outcome::Need(object("default"), tasks("new")));
}

#[test]
fn large_answers_are_cut_for_datagrams_and_whole_over_tcp() {
    let mut book = book(&[(tasks("big"), Some(service("big", &["10.96.0.9"], 2_000)))]);
    let mut question = query("tasks.big", RecordType::A);
    let (small, length) = reply(&question, false, &mut book);
    assert!(small.metadata.truncation && length <= 512 && small.answers.len() > 20, "{length}");
    question.edns = Some(Edns::new());
    question.edns.as_mut().unwrap().set_max_payload(4_096);
    let (larger, length) = reply(&question, false, &mut book);
    assert!(larger.metadata.truncation && length <= 1_232 && larger.answers.len() > 60, "{length}");
    assert!(larger.edns.is_some());
    let (whole, _) = reply(&question, true, &mut book);
    assert!(!whole.metadata.truncation && whole.answers.len() == 2_000);
    let mut srv = query("_80._tcp.tasks.big", RecordType::SRV);
    srv.edns = Some(Edns::new());
    let (cut, length) = reply(&srv, true, &mut book);
    assert!(length <= 65_535 && cut.answers.len() > 500, "{} in {length} bytes", cut.answers.len());
}

#[test]
fn each_backend_comes_first_in_turn() {
    let bytes = query("tasks.web", RecordType::A).to_vec().unwrap();
    let first = |turn| {
        let Outcome::Reply(reply) =
            answer(&bytes, false, &client(true), &zone("default"), &mut full(), (Instant::now(), turn))
        else {
            panic!()
        };
        Message::from_vec(&reply).unwrap().answers[0].data.to_string()
    };
    assert_eq!([0, 1, 2, 3].map(first), ["10.244.0.2", "10.244.0.3", "10.244.0.4", "10.244.0.2"]);
}

#[test]
fn bad_queries_are_refused_or_dropped() {
    let code =
        |bytes: &[u8]| match answer(bytes, false, &client(true), &zone("default"), &mut full(), (Instant::now(), 0)) {
            Outcome::Reply(reply) => Some(Message::from_vec(&reply).unwrap().metadata.response_code),
            Outcome::Drop => None,
            other => panic!("{other:?}"),
        };
    let good = query("web", RecordType::A).to_vec().unwrap();
    assert_eq!(code(&[]), None);
    assert_eq!(code(&good[..11]), None);
    assert_eq!(code(&good[..14]), Some(ResponseCode::FormErr));
    let mut bytes = good.clone();
    bytes[2] |= 0x80;
    assert_eq!(code(&bytes), None, "an answer");
    let mut bytes = good.clone();
    bytes[4..6].fill(0xff);
    assert_eq!(code(&bytes), Some(ResponseCode::FormErr), "65,535 questions");
    let mut bytes = good.clone();
    bytes[12..14].copy_from_slice(&[0xc0, 12]);
    assert_eq!(code(&bytes), Some(ResponseCode::FormErr), "a name that points at itself");
    let mut status = query("web", RecordType::A);
    status.metadata.op_code = OpCode::Status;
    assert_eq!(code(&status.to_vec().unwrap()), Some(ResponseCode::NotImp));
    assert_eq!(code(&query("web", RecordType::AXFR).to_vec().unwrap()), Some(ResponseCode::Refused));
    let mut future = query("web", RecordType::A);
    future.edns = Some(Edns::new());
    future.edns.as_mut().unwrap().set_version(1);
    // The number of BADVERS is that of BADSIG, too (RFC 6895 section 2.3).
    assert_eq!(code(&future.to_vec().unwrap()).map(u16::from), Some(16));
    let labels = [b"a.b".as_slice(), b"\xff", b"default", b"sdn", b"internal"];
    let odd = Name::from_labels(labels).unwrap();
    let mut message = Message::query();
    message.add_query(Query::query(odd, RecordType::A));
    assert_eq!(code(&message.to_vec().unwrap()), Some(ResponseCode::NXDomain));
}

#[test]
fn services_come_with_their_network_and_go_with_it() {
    let (mut book, now) = (Book::default(), Instant::now());
    let web = service("web", &["10.96.0.10"], 0);
    let shop = service("shop", &["10.96.0.11"], 0);
    let all = [(key("web"), Some(web.clone())), (key("shop"), Some(shop)), (NameKey::Services, None)];
    learn(&mut book, &all, false, now);
    assert!(book.lacks([object("default")].iter()).is_empty());
    assert_eq!(book.known(), [(object("default"), [NameKey::Services].into())].into(), "one mark, not each");
    assert_eq!(book.find(&object("default"), &key("web"), now), Some(Some(web)));
    learn(&mut book, &[(key("web"), None)], false, now);
    assert_eq!(book.find(&object("default"), &key("web"), now), None, "an endpoint may be called so now");
    learn(&mut book, &[(NameKey::Services, None)], false, now);
    assert_eq!(book.find(&object("default"), &key("shop"), now), None, "all there are were told anew");
    book.forget(&[object("blue")].into(), now);
    assert!(book.known().is_empty());
}

#[test]
fn names_nobody_asks_for_are_followed_no_more_and_those_of_nothing_go_first() {
    let (mut book, start) = (full(), Instant::now());
    let networks = [object("default")].into();
    book.forget(&networks, start + Duration::from_secs(500));
    book.find(&object("default"), &key("db"), start + Duration::from_secs(500));
    book.forget(&networks, start + Duration::from_secs(900));
    assert_eq!(book.known(), [(object("default"), [key("db")].into())].into());
    for n in 0..5_000 {
        learn(&mut book, &[(key(&format!("guess-{n}")), None)], true, start + Duration::from_secs(901));
    }
    assert!(book.known()[&object("default")].len() <= api::MAX_NAMES);
    assert!(book.find(&object("default"), &key("db"), start).is_some());
}

#[test]
fn a_book_survives_on_disk() {
    let mut book = full();
    learn(
        &mut book,
        &[(key("shop"), Some(service("shop", &["10.96.0.11"], 0))), (NameKey::Services, None)],
        false,
        Instant::now(),
    );
    book.reached(9);
    let text = serde_json::to_vec(&book.keep()).unwrap();
    let mut again = serde_json::from_slice::<super::book::Kept>(&text).unwrap().open(Instant::now());
    assert_eq!((again.revision(), again.known()), (9, book.known()));
    assert!(again.find(&object("default"), &key("shop"), Instant::now()).is_some());
}
