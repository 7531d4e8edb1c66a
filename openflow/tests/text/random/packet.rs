//! Random packets.

use super::Rng;

/// A packet, often cut short or with a byte changed.
pub fn packet(rng: &mut Rng) -> Vec<u8> {
    let mut data = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    for _ in 0..rng.below(8) / 3 {
        data.extend([rng.pick(&[[0x81, 0], [0x88, 0xa8]]), [rng.number(8) as u8, rng.number(8) as u8]].concat());
    }
    let kind = rng.pick(&[0x0800_u16, 0x0800, 0x86dd, 0x86dd, 0x0806, 0x8035, 0x8847, 0x88cc, 0x0040]);
    data.extend(kind.to_be_bytes());
    let proto = rng.pick(&[1, 2, 6, 17, 58, 132, 47]);
    let payload: Vec<u8> = match (kind, proto) {
        (0x86dd, 58) => neighbour_packet(rng),
        _ => (0..rng.below(50)).map(|_| rng.number(8) as u8).collect(),
    };
    match kind {
        0x0800 => {
            let total = (20 + payload.len()) as u16;
            let fragment = rng.pick(&[0_u16, 0, 0, 0x4000, 0x2000, 0x2010, 0x0010]);
            data.extend([0x45, rng.number(8) as u8]);
            data.extend(total.to_be_bytes());
            data.extend([0, 0]);
            data.extend(fragment.to_be_bytes());
            data.extend([64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        }
        0x86dd => {
            data.extend((0x6000_0000 | rng.number(28) as u32).to_be_bytes());
            data.extend((payload.len() as u16).to_be_bytes());
            data.extend([proto, 63]);
            data.extend(1_u128.to_be_bytes());
            data.extend(rng.number(128).to_be_bytes());
        }
        0x0806 | 0x8035 => {
            data.extend([0, 1, 8, 0, 6, 4, rng.number(1) as u8, 2]);
            data.extend(0..20);
        }
        _ => {}
    }
    data.extend(payload);
    if rng.one_in(5) {
        data.truncate(rng.below(data.len() as u64) as usize);
    }
    if rng.one_in(4) && data.len() > 14 {
        let at = 12 + rng.below(data.len() as u64 - 12) as usize;
        data[at] = rng.number(8) as u8;
    }
    data
}

fn neighbour_packet(rng: &mut Rng) -> Vec<u8> {
    let mut data = vec![rng.pick(&[135, 136, 128]), 0, 1, 2, 0, 0, 0, 0];
    data.extend(rng.number(128).to_be_bytes());
    for _ in 0..rng.below(3) {
        data.extend([rng.pick(&[1, 2, 3]), rng.pick(&[1, 1, 1, 2, 0]), 2, 0, 0, 0, 0, 9]);
    }
    data
}
