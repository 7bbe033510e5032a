//! The masking of client frames (RFC 6455 §5.3): each byte XOR one of four key bytes in turn.

/// Takes the mask off; `offset` is how many bytes of the frame came before `data`.
pub(super) fn unmask(data: &mut [u8], key: [u8; 4], offset: usize) {
    let mut key = key;
    key.rotate_left(offset % 4);
    let [a, b, c, d] = key;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    // Eight bytes at once, and the compiler makes vectors of it.
    let (words, rest) = data.as_chunks_mut::<8>();
    for chunk in words {
        *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn unmasking_is_the_rfcs_octet_by_octet(
            data in prop::collection::vec(any::<u8>(), 0..100), key in any::<[u8; 4]>(), offset in 0usize..9
        ) {
            let expected: Vec<u8> = data
                .iter()
                .enumerate()
                .map(|(index, byte)| byte ^ key[(index + offset) % 4])
                .collect();
            let mut unmasked = data;
            unmask(&mut unmasked, key, offset);
            prop_assert_eq!(unmasked, expected);
        }
    }
}
