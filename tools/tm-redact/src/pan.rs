//! Crypto-PAn (Xu, Fan, Ammar and Moon 2002): a keyed permutation of addresses under which two of
//! them share exactly as many leading bits as before. Which addresses must stay among their kind
//! is not here.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

use crate::key::Key;

/// The permutation that belongs to a key.
pub(crate) struct CryptoPan {
    cipher: Aes128,
    pad: u128,
}

impl CryptoPan {
    /// The first half of the key is AES's; the second, encrypted, fills blocks up.
    pub(crate) fn new(key: &Key) -> Self {
        let (own, pad) = key.halves();
        let cipher = Aes128::new(&Array::from(own));
        let mut block = Array::from(pad);
        cipher.encrypt_block(&mut block);
        Self { cipher, pad: u128::from_be_bytes(block.into()) }
    }

    /// The pseudonym of the first `bits` bits of `address`, which stands at the left; the bits
    /// after those are 0.
    ///
    /// Where a bit of the address is that of the pad, plain Crypto-PAn treats it as the bit
    /// before: one address in 15,000 would stay as it is, and one network of 256 in 1,500. The
    /// pad's complement differs there, so that flips by both are independent from bit to bit.
    pub(crate) fn permute(&self, address: u128, bits: u32) -> u128 {
        address ^ self.flips(address, bits, self.pad) ^ self.flips(address, bits, !self.pad)
    }

    /// Which of the first bits change: each as the bits before it say, filled up by `pad`.
    fn flips(&self, address: u128, bits: u32, pad: u128) -> u128 {
        let mut blocks = Vec::with_capacity(bits as usize);
        for known in 0..bits {
            let mask = u128::MAX.checked_shl(128 - known).unwrap_or(0);
            let block = (address & mask) | (pad & !mask);
            blocks.push(Array::from(block.to_be_bytes()));
        }
        self.cipher.encrypt_blocks(&mut blocks);
        blocks.iter().enumerate().fold(0, |flips, (at, block)| {
            let first = u128::from(block.first().map_or(0, |octet| octet >> 7));
            flips | first << (127 - at)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn pan() -> CryptoPan {
        CryptoPan::new(&Key::from(*b"32-char-str-for-AES-key-and-pad."))
    }

    fn v4(text: &str) -> String {
        let value = u128::from(text.parse::<Ipv4Addr>().unwrap().to_bits()) << 96;
        Ipv4Addr::from_bits(((value ^ pan().flips(value, 32, pan().pad)) >> 96) as u32).to_string()
    }

    #[test]
    fn the_published_vectors() {
        assert_eq!(v4("192.0.2.1"), "192.0.125.244");
        let v6: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let out = v6.to_bits() ^ pan().flips(v6.to_bits(), 128, pan().pad);
        assert_eq!(Ipv6Addr::from_bits(out).to_string(), "27fe:8bc7:fee:1e:1e1f:f0fe:f0e1:83fd");
    }

    #[test]
    fn no_address_of_many_stays_as_it_is() {
        let pan = pan();
        let pad = (pan.pad >> 96) as u32;
        for near in (0..100_000).map(|n: u32| pad ^ n.wrapping_mul(n)) {
            let value = u128::from(near) << 96;
            assert_ne!(pan.permute(value, 32), value, "{near:x}");
        }
    }

    #[test]
    fn as_many_leading_bits_are_shared_as_before() {
        let pan = pan();
        let one = 0x0808_0808_u32;
        for bit in 0..32 {
            let other = one ^ (1 << bit);
            let of = |value: u32| (pan.permute(u128::from(value) << 96, 32) >> 96) as u32;
            assert_eq!((of(one) ^ of(other)).leading_zeros(), (one ^ other).leading_zeros());
        }
    }
}
