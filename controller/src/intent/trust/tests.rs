use super::*;
use crate::intent::{Change, Intent, VirtualRange};

fn services() -> VirtualRange {
    "10.96.0.0/12".parse().unwrap()
}

fn make(intent: &mut Intent, change: Change) -> Result<Effect, Refused> {
    let plan = intent.plan(&[change], &services(), 100).map_err(|rejected| rejected.refused)?;
    plan.txn.iter().for_each(|txn| intent.apply(txn));
    Ok(plan.effects[0])
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A certificate of h1, good until the hundredth second and so many more.
fn known(print: &str, more: u64) -> Known {
    let role = Role::Node(name("h1"));
    Known { fingerprint: print.into(), role, until: Some(100 + more), public_key: None }
}

fn prints(intent: &Intent) -> Vec<&str> {
    intent.known.values().map(|known| known.fingerprint.as_str()).collect()
}

fn with(knowns: &[Known]) -> Intent {
    let mut intent = Intent::default();
    for known in knowns {
        make(&mut intent, Change::PutKnown(known.clone())).unwrap();
    }
    intent
}

#[test]
fn what_a_host_showed_goes_on_counting_when_it_gets_another() {
    let mut intent = with(&[known("shown", 1)]);
    // Its answers are lost: it goes on showing what it has.
    for n in 2..9 {
        make(&mut intent, Change::Renew(known(&format!("lost{n}"), n), "shown".into())).unwrap();
    }
    assert_eq!(prints(&intent), ["lost6", "lost7", "lost8", "shown"]);
    assert_eq!(intent.certificate_ends()[&name("h1")], 108);
    assert!(known("", 1).has_ended(102) && !known("", 1).has_ended(101));
}

#[test]
fn who_is_not_known_gets_no_other() {
    let mut intent = Intent::default();
    let refused = make(&mut intent, Change::Renew(known("new", 9), "old".into())).unwrap_err();
    assert!(refused.to_string().contains("counts no more"), "{refused}");
}

#[test]
fn only_who_has_the_key_of_an_earlier_certificate_joins_again_under_its_name() {
    let mut intent = with(&[known("mine", 0)]);
    let other = Known { role: Role::Node(name("h2")), ..known("another's", 0) };
    make(&mut intent, Change::PutKnown(other)).unwrap();
    let token = Token { name: "t".into(), hash: "h".into(), until: 200 };
    make(&mut intent, Change::PutToken(token)).unwrap();
    let enrol = |before: Option<&str>, hash: &str| {
        let before = before.map(str::to_owned);
        let (token, hash) = ("t".into(), hash.into());
        Change::Enrol(Enrolment { token, hash, node: name("h1"), known: known("new", 9), before })
    };
    for before in [None, Some("another's"), Some("nobody's")] {
        let refused = make(&mut intent, enrol(before, "h")).unwrap_err().to_string();
        assert!(refused.contains("another host has joined as h1"), "{before:?}: {refused}");
    }
    let refused = make(&mut intent, enrol(Some("mine"), "guessed")).unwrap_err().to_string();
    assert!(refused.contains("the token is not good"), "{refused}");
    make(&mut intent, enrol(Some("mine"), "h")).unwrap();
    assert_eq!(prints(&intent), ["another's", "mine", "new"]);
}
