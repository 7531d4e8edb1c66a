//! Endpoints move: killed and made again, there or elsewhere, at another address or the same. Nobody gets what is for
//! another, and what is for one gets there at once.

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use common::{eventually, host, ip_of, pod_at, sdnctl, sh, up};
use integration::{Pod, PodSpec, Testbed, netns};

const PORT: u16 = 7007;

/// Answers every datagram that comes to a pod: with it, and the pod's id.
struct Answering(Arc<AtomicBool>, Option<JoinHandle<()>>);

impl Answering {
    fn start(testbed: &Testbed, pod: &Pod, id: &str) -> Self {
        let bind = || Ok(UdpSocket::bind(("0.0.0.0", PORT))?);
        let socket = netns::within(&testbed.config().netns(&pod_at(pod)), bind).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
        let (end, id) = (Arc::new(AtomicBool::new(false)), id.to_owned());
        let ended = end.clone();
        let thread = thread::spawn(move || {
            let mut buffer = [0; 64];
            while !ended.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    let _ = socket.send_to(&[&buffer[..length], id.as_bytes()].concat(), from);
                }
            }
        });
        Self(end, Some(thread))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.take().map(JoinHandle::join);
    }
}

/// A datagram that was answered.
#[derive(Debug)]
struct Answer {
    /// When it was sent.
    asked: Instant,
    /// When its answer came: late, where the machine has too much to do.
    came: Instant,
    who: String,
}

/// Asks an address from a pod, by a datagram each five milliseconds, who it is.
struct Asking(Arc<AtomicBool>, JoinHandle<Vec<Answer>>);

impl Asking {
    fn start(testbed: &Testbed, from: &Pod, to: &Pod) -> Self {
        let bind = || Ok(UdpSocket::bind("0.0.0.0:0")?);
        let socket = netns::within(&testbed.config().netns(&pod_at(from)), bind).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(5))).expect("a timeout");
        let (end, to) = (Arc::new(AtomicBool::new(false)), SocketAddr::new(ip_of(to), PORT));
        let ended = end.clone();
        let thread = thread::spawn(move || {
            let (mut questions, mut answers, mut buffer) = (Vec::new(), Vec::new(), [0; 64]);
            while !ended.load(Ordering::Relaxed) {
                let number = questions.len().to_be_bytes();
                questions.push(Instant::now());
                let _ = socket.send_to(&number, to);
                if let Ok((length, _)) = socket.recv_from(&mut buffer) {
                    let (number, who) = buffer[..length].split_first_chunk().expect("the question");
                    let asked = questions[usize::from_be_bytes(*number)];
                    let who = String::from_utf8_lossy(who).into_owned();
                    answers.push(Answer { asked, came: Instant::now(), who });
                    thread::sleep(Duration::from_millis(5));
                }
            }
            answers
        });
        Self(end, thread)
    }

    fn finish(self) -> Vec<Answer> {
        self.0.store(true, Ordering::Relaxed);
        self.1.join().expect("it asks")
    }
}

/// The container is killed: its namespace is gone, and nobody told the agent.
fn kill(testbed: &Testbed, pod: &Pod) {
    netns::remove(&[testbed.config().netns(&pod_at(pod))]).unwrap();
    let known = || sdnctl(testbed, "endpoint ls");
    eventually("its agent to notice", 15, || !known().contains(&pod.ip));
    // What the testbed itself remembers of the pod.
    let file = testbed.state().pods().join(format!("{}.json", pod.name));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_container_made_again_here_or_elsewhere_is_reached_at_once_and_no_other_in_its_place() {
    let testbed = up("e95-again", 3);
    let make = |name: &str, n: u16| testbed.pod_add(&PodSpec::new(name, host(n))).unwrap();
    let asker = make("asker", 3);
    let mut web = make("web", 1);
    let mut used = vec![web.ip.clone()];
    for (round, n) in [1, 2, 2, 1].into_iter().enumerate() {
        let old = Asking::start(&testbed, &asker, &web);
        let id = format!("web-{round}");
        let answering = Answering::start(&testbed, &web, &id);
        thread::sleep(Duration::from_millis(500));
        drop(answering);
        let gone = Instant::now();
        kill(&testbed, &web);
        // Others that come now must not get what was for it.
        let others: Vec<Pod> = (0..3).map(|i| make(&format!("other{round}-{i}"), 1 + i % 2)).collect();
        let _answering: Vec<_> = others.iter().map(|pod| Answering::start(&testbed, pod, &pod.name)).collect();
        web = make("web", n);
        let _again = Answering::start(&testbed, &web, "again");
        let there = Instant::now();
        let new = Asking::start(&testbed, &asker, &web);
        thread::sleep(Duration::from_millis(1500));
        let (to_old, to_new) = (old.finish(), new.finish());
        assert!(!to_old.is_empty() && to_old.iter().all(|answer| answer.who == id), "{to_old:?}");
        assert!(to_old.iter().all(|answer| answer.asked < gone), "asked after its end, and answered: {to_old:?}");
        assert!(to_new.iter().all(|answer| answer.who == "again"), "{to_new:?}");
        let after = to_new.first().expect("it is reached").came.duration_since(there);
        println!("round {round}: on h{n} at {}, reached after {after:.2?}, {} answers", web.ip, to_new.len());
        assert!(after < Duration::from_secs(1), "{after:?}");
        assert!(!used.contains(&web.ip), "{} was freed just now", web.ip);
        used.extend(others.iter().map(|pod| pod.ip.clone()).chain([web.ip.clone()]));
    }
}

#[test]
fn an_address_goes_from_host_to_host_after_a_rest() {
    let testbed = up("e95-address", 3);
    sdnctl(&testbed, "network create blue --subnet 10.50.0.0/24 --flat");
    let spec = |name: &str, n: u16, ip: &str| PodSpec {
        network: Some("blue".into()),
        ip: Some(ip.into()),
        ..PodSpec::new(name, host(n))
    };
    let asker = testbed.pod_add(&spec("asker", 3, "10.50.0.3")).unwrap();
    let first = testbed.pod_add(&spec("web", 1, "10.50.0.9")).unwrap();
    let answering = Answering::start(&testbed, &first, "first");
    let asking = Asking::start(&testbed, &asker, &first);
    thread::sleep(Duration::from_millis(500));
    drop(answering);
    testbed.pod_rm("web").unwrap();
    let freed = Instant::now();
    let refused = testbed.pod_add(&spec("web", 2, "10.50.0.9")).expect_err("it rests");
    assert!(format!("{refused:#}").contains("10.50.0.9 was freed less than 60 s ago"), "{refused:#}");
    thread::sleep(Duration::from_secs(61).saturating_sub(freed.elapsed()));
    let second = testbed.pod_add(&spec("web", 2, "10.50.0.9")).unwrap();
    let _answering = Answering::start(&testbed, &second, "second");
    let there = Instant::now();
    thread::sleep(Duration::from_millis(1500));
    let answers = asking.finish();
    let (before, after): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.asked < freed);
    assert!(!before.is_empty() && before.iter().all(|answer| answer.who == "first"), "{before:?}");
    assert!(after.iter().all(|answer| answer.who == "second"), "{after:?}");
    let reached = after.first().expect("it is reached").came.duration_since(there);
    println!("reached at its new host after {reached:.2?}");
    assert!(reached < Duration::from_secs(1), "{reached:?}");
    sh(&testbed, &pod_at(&asker), "ping -c 3 -i 0.1 -W 1 10.50.0.9");
}
