//! Addresses of wallets, by the checksums that they carry.

use sha2::{Digest as _, Sha256};
use sha3::Keccak256;

use super::{Number, bytes};

pub(super) const NUMBERS: &[Number] = &[
    bytes("base58check", base58check),
    bytes("bech32", bech32),
    bytes("eip-55", eip55),
    bytes("monero", monero),
];

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

fn base58_digit(byte: u8) -> Option<u32> {
    let at = BASE58.iter().position(|&letter| letter == byte)?;
    u32::try_from(at).ok()
}

/// Base-58 text as big-endian bytes at the end of the array; how many bytes there are, with one for each leading `1`.
fn base58(text: &[u8], bytes: &mut [u8]) -> Option<usize> {
    let mut used = 0;
    for &byte in text {
        let mut carry = base58_digit(byte)?;
        let mut touched = 0;
        for slot in bytes.iter_mut().rev() {
            if touched >= used && carry == 0 {
                break;
            }
            carry += u32::from(*slot) * 58;
            *slot = carry as u8;
            carry >>= 8;
            touched += 1;
        }
        if carry > 0 {
            return None;
        }
        used = touched;
    }
    let zeros = text.iter().take_while(|&&byte| byte == b'1').count();
    (used + zeros <= bytes.len()).then_some(used + zeros)
}

/// Whether `value` is a Base58Check address: a version byte, 20 bytes, and four bytes of a double SHA-256. Bitcoin, Litecoin,
/// Dogecoin, Dash, Zcash (two version bytes) and Tron write addresses so.
///
/// Source: Bitcoin wiki, "Base58Check encoding"; BIP 13.
fn base58check(value: &[u8]) -> bool {
    let mut bytes = [0_u8; 26];
    let Some(length) = base58(value, &mut bytes) else {
        return false;
    };
    let from = bytes.len() - length;
    let Some((payload, check)) = bytes
        .get(from..)
        .and_then(|all| all.split_at_checked(all.len().saturating_sub(4)))
    else {
        return false;
    };
    let hash = Sha256::digest(Sha256::digest(payload));
    matches!(length, 25 | 26) && hash.iter().take(4).eq(check)
}

/// Whether `value` is a Bech32 or Bech32m address of a witness program or of a chain that uses the same writing: a readable part,
/// `1`, data, six characters of checksum; one case only.
///
/// Source: BIP 173, BIP 350.
fn bech32(value: &[u8]) -> bool {
    const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let lower = value.iter().any(u8::is_ascii_lowercase);
    let upper = value.iter().any(u8::is_ascii_uppercase);
    let Some(split) = value.iter().rposition(|&byte| byte == b'1') else {
        return false;
    };
    let Some((prefix, data)) = value.split_at_checked(split) else {
        return false;
    };
    let data = data.get(1..).unwrap_or_default();
    if lower && upper || prefix.is_empty() || data.len() < 6 || value.len() > 90 {
        return false;
    }
    let step = |check: u32, value: u32| {
        const GENERATOR: [u32; 5] = [
            0x3b6a_57b2,
            0x2650_8e6d,
            0x1ea1_19fa,
            0x3d42_33dd,
            0x2a14_62b3,
        ];
        let top = check >> 25;
        let folded = (check & 0x01ff_ffff) << 5 ^ value;
        GENERATOR
            .iter()
            .enumerate()
            .filter(|(bit, _)| top >> bit & 1 == 1)
            .fold(folded, |check, (_, generator)| check ^ generator)
    };
    let lowered = || prefix.iter().map(u8::to_ascii_lowercase);
    let mut check = lowered().fold(1, |check, byte| step(check, u32::from(byte >> 5)));
    check = step(check, 0);
    check = lowered().fold(check, |check, byte| step(check, u32::from(byte & 31)));
    for byte in data.iter().map(u8::to_ascii_lowercase) {
        let Some(digit) = LETTERS.iter().position(|&letter| letter == byte) else {
            return false;
        };
        check = step(check, u32::try_from(digit).unwrap_or(0));
    }
    // 1 is Bech32, the other constant Bech32m.
    matches!(check, 1 | 0x2bc8_30a3)
}

/// Whether `value` is an Ethereum address of 40 hexadecimal digits whose letters have the right case; one case throughout has
/// no checksum and is refused.
///
/// Source: EIP-55.
fn eip55(value: &[u8]) -> bool {
    let digits = value
        .strip_prefix(b"0x")
        .or_else(|| value.strip_prefix(b"0X"))
        .unwrap_or(value);
    let mut lower = [0_u8; 40];
    if digits.len() != lower.len() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    for (slot, byte) in lower.iter_mut().zip(digits) {
        *slot = byte.to_ascii_lowercase();
    }
    let hash = Keccak256::digest(lower);
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let letters = || digits.iter().filter(|byte| byte.is_ascii_alphabetic());
    letters().any(u8::is_ascii_uppercase)
        && letters().any(u8::is_ascii_lowercase)
        && digits.iter().zip(nibbles).all(|(byte, nibble)| {
            byte.is_ascii_digit() || byte.is_ascii_uppercase() == (nibble > 7)
        })
}

/// Whether `value` is a Monero address: blocks of eight bytes as eleven characters in base 58, a network byte, two keys and four
/// bytes of Keccak-256.
///
/// Source: Monero's `cryptonote_basic_impl.cpp` and "Zero to Monero", section 4.
fn monero(value: &[u8]) -> bool {
    let mut bytes = [0_u8; 80];
    let mut length = 0;
    for block in value.chunks(11) {
        let size = match block.len() {
            11 => 8,
            7 => 5,
            _ => return false,
        };
        let mut number = 0_u128;
        for &byte in block {
            let Some(digit) = base58_digit(byte) else {
                return false;
            };
            number = number * 58 + u128::from(digit);
        }
        if number >> (8 * size) != 0 {
            return false;
        }
        for shift in (0..size).rev() {
            let Some(slot) = bytes.get_mut(length) else {
                return false;
            };
            *slot = (number >> (8 * shift)) as u8;
            length += 1;
        }
    }
    let Some((payload, check)) = bytes
        .get(..length)
        .and_then(|all| all.split_at_checked(length.saturating_sub(4)))
    else {
        return false;
    };
    let hash = Keccak256::digest(payload);
    // A standard address or a subaddress, or an integrated one.
    matches!(length, 69 | 77) && hash.iter().take(4).eq(check)
}
