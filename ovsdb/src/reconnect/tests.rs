use super::*;

fn machine(remotes: usize, max_tries: Option<u32>) -> (Reconnect, Instant) {
    let now = Instant::now();
    let backoff = Backoff { max_tries, ..Backoff::default() };
    (Reconnect::new(backoff, remotes, now), now)
}

/// Fails the attempt that is due and tells how long the pause after it is.
fn fail(machine: &mut Reconnect, now: &mut Instant) -> (Option<Action>, Duration) {
    let action = machine.poll(*now);
    machine.failed(*now);
    let until = machine.poll_timeout().map_or(*now, |(when, _)| when);
    let pause = until - *now;
    *now = until;
    (action, pause)
}

#[test]
fn pauses_double_up_to_the_greatest_with_jitter() {
    let (mut machine, mut now) = machine(1, None);
    for wanted in [1, 2, 4, 8, 8, 8] {
        let (action, pause) = fail(&mut machine, &mut now);
        let wanted = Duration::from_secs(wanted);
        assert_eq!(action, Some(Action::Connect(0)));
        assert!(pause >= wanted / 2 && pause <= wanted, "{pause:?} of {wanted:?}");
    }
}

#[test]
fn every_remote_is_tried_before_a_pause() {
    let (mut machine, mut now) = machine(3, None);
    let round: Vec<_> = (0..3).map(|_| fail(&mut machine, &mut now)).collect();
    let actions: Vec<_> = round.iter().map(|(action, _)| *action).collect();
    assert_eq!(actions, [0, 1, 2].map(|n| Some(Action::Connect(n))));
    let paused: Vec<_> = round.iter().map(|(_, pause)| !pause.is_zero()).collect();
    assert_eq!(paused, [false, false, true]);
}

#[test]
fn a_session_that_was_of_use_resets_the_pause() {
    let (mut machine, mut now) = machine(1, None);
    for _ in 0..5 {
        fail(&mut machine, &mut now);
    }
    machine.poll(now);
    machine.connected();
    assert_eq!(machine.poll_timeout(), None);
    machine.healthy();
    machine.failed(now);
    let (until, _) = machine.poll_timeout().expect("a pause");
    assert!(until - now <= Duration::from_secs(1));
}

#[test]
fn an_attempt_that_hangs_is_abandoned() {
    let (mut machine, now) = machine(1, None);
    assert_eq!(machine.poll(now), Some(Action::Connect(0)));
    assert_eq!(machine.poll(now), None);
    let (when, why) = machine.poll_timeout().expect("a deadline");
    assert_eq!((when - now, why), (Duration::from_secs(10), "connecting"));
    assert_eq!(machine.poll(when), Some(Action::Abandon));
    assert_eq!(machine.poll(when), None);
}

#[test]
fn it_gives_up_after_the_last_try() {
    let (mut machine, mut now) = machine(1, Some(2));
    fail(&mut machine, &mut now);
    fail(&mut machine, &mut now);
    assert_eq!(machine.poll(now), Some(Action::GiveUp));
}
