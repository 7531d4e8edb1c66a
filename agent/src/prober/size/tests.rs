use super::*;

const FULL: u16 = 1450;

/// What is sent now: numbers and sizes of packets. A small probe is due each second from `start`.
fn sent(sizes: &mut Sizes, sequence: &mut u64, start: Instant, now: Instant, up: bool) -> Vec<(u64, u16)> {
    let mut number = || {
        *sequence += 1;
        *sequence
    };
    let mut sent = Vec::new();
    if sizes.is_calm() && (now - start).as_millis().is_multiple_of(1000) {
        let number = number();
        sent.push((number, sizes.send_beside(number, now)));
    }
    for size in sizes.poll(up, now) {
        let number = number();
        sizes.note(number, size);
        sent.push((number, size));
    }
    sent
}

/// Runs for `time` over a path that lets packets of `mtu` through; answers after how long the size known changed.
fn run(sizes: &mut Sizes, now: &mut Instant, time: Duration, mtu: u16) -> (Option<Duration>, usize) {
    let (start, before, mut changed, mut count) = (*now, sizes.mtu, None, 0);
    let mut sequence = 0;
    while *now < start + time {
        for (number, size) in sent(sizes, &mut sequence, start, *now, mtu > 0) {
            count += 1;
            if size <= mtu {
                sizes.answer(number, *now);
            }
        }
        if mtu > 0 {
            sizes.miss(*now, *now);
        }
        if sizes.mtu != before && changed.is_none() {
            changed = Some(*now - start);
        }
        *now += Duration::from_millis(1);
    }
    (changed, count)
}

fn begun(now: Instant) -> Sizes {
    let mut sizes = Sizes::new(now);
    sizes.set(FULL, Duration::from_secs(1), Duration::ZERO, now);
    sizes.begin(now);
    sizes
}

#[test]
fn every_size_is_found_to_the_byte_within_four_seconds() {
    for mtu in [53, 576, 999, 1280, 1399, 1400, 1449] {
        let mut now = Instant::now();
        let mut sizes = begun(now);
        run(&mut sizes, &mut now, Duration::from_secs(3), FULL);
        assert_eq!(sizes.mtu, Some(FULL));
        let (changed, _) = run(&mut sizes, &mut now, Duration::from_secs(5), mtu);
        assert_eq!(sizes.mtu, Some(mtu));
        assert!(changed.is_some_and(|after| after < Duration::from_secs(4)), "{mtu}: {changed:?}");
        let (changed, _) = run(&mut sizes, &mut now, Duration::from_secs(5), FULL);
        assert_eq!(sizes.mtu, Some(FULL));
        assert!(changed.is_some_and(|after| after < Duration::from_secs(2)), "{mtu}: {changed:?}");
    }
}

#[test]
fn a_path_that_grows_a_little_is_found_in_time() {
    let mut now = Instant::now();
    let mut sizes = begun(now);
    run(&mut sizes, &mut now, Duration::from_secs(5), 1000);
    run(&mut sizes, &mut now, Duration::from_secs(5), 1200);
    assert_eq!(sizes.mtu, Some(1200));
}

#[test]
fn a_path_that_answers_nothing_says_nothing_about_sizes() {
    let mut now = Instant::now();
    let mut sizes = begun(now);
    run(&mut sizes, &mut now, Duration::from_secs(3), FULL);
    (sizes.sent, sizes.lost) = (0, 0);
    let (_, count) = run(&mut sizes, &mut now, Duration::from_secs(10), 0);
    assert_eq!(sizes.mtu, Some(FULL));
    assert!(sizes.lost >= 6 && sizes.lost == sizes.sent, "{sizes:?}");
    assert!(count <= 20, "{count} probes in ten seconds");
}

#[test]
fn a_path_that_breaks_during_a_search_says_nothing_about_sizes() {
    for after in [100, 400, 700, 1000, 1300] {
        let mut now = Instant::now();
        let mut sizes = begun(now);
        run(&mut sizes, &mut now, Duration::from_secs(3), FULL);
        run(&mut sizes, &mut now, Duration::from_millis(after), 1001);
        for _ in 0..2000 {
            // The small probe beside it has not been missed yet.
            sizes.poll(true, now);
            now += Duration::from_millis(1);
        }
        assert!([1001, FULL].contains(&sizes.mtu.unwrap()), "{after}: {:?}", sizes.mtu);
    }
}

#[test]
fn a_host_that_was_away_for_a_while_says_nothing_about_sizes() {
    for away in (0..4000).step_by(50) {
        let mut now = Instant::now();
        let mut sizes = begun(now);
        run(&mut sizes, &mut now, Duration::from_secs(3), FULL);
        for _ in 0..away {
            sizes.poll(true, now);
            now += Duration::from_millis(1);
        }
        for _ in 0..10 {
            run(&mut sizes, &mut now, Duration::from_millis(200), FULL);
            assert_eq!(sizes.mtu, Some(FULL), "away for {away} ms");
        }
    }
}

#[test]
fn a_size_is_published_only_when_two_waves_say_so() {
    for busy_from in 0..60 {
        let mut now = Instant::now();
        let mut sizes = begun(now);
        run(&mut sizes, &mut now, Duration::from_secs(3), FULL);
        let (start, mut sequence) = (now, 0);
        while now < start + Duration::from_secs(6) {
            for (number, size) in sent(&mut sizes, &mut sequence, start, now, true) {
                // For a moment the host is busy: of what is sent then, only small ones come back.
                let busy = (busy_from..busy_from + 18).contains(&number);
                if size <= 1350 && !(busy && size > 700) {
                    sizes.answer(number, now);
                }
            }
            sizes.miss(now, now);
            assert!([FULL, 1350].contains(&sizes.mtu.unwrap()), "{busy_from}: {:?}", sizes.mtu);
            now += Duration::from_millis(1);
        }
        assert_eq!(sizes.mtu, Some(1350), "{busy_from}");
    }
}

#[test]
fn a_whole_path_costs_one_probe_a_round() {
    let mut now = Instant::now();
    let mut sizes = begun(now);
    let (_, count) = run(&mut sizes, &mut now, Duration::from_secs(60), FULL);
    assert!((59..=61).contains(&count), "{count}");
    assert_eq!(sizes.lost, 0);
}
