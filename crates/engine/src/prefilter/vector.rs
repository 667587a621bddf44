//! Registers of bytes, one type for each width that a machine may have, behind one trait. What is computed with them lives in
//! [`block`](super::block). All of the engine's unsafe code is here and where a kernel is called with the features that
//! were detected.

#![allow(
    unsafe_code,
    reason = "vector loads take pointers, and a register type may only be used where the machine has it"
)]

/// A register of bytes.
///
/// # Safety
/// All functions: the machine has the features that the type needs. They are inlined into a function that enables them.
pub(super) trait Vector: Copy {
    /// Bytes in a register; divides 64.
    const LEN: usize;

    /// `LEN` bytes from `from` on, which must all be readable.
    unsafe fn load(from: *const u8) -> Self;

    /// The sixteen bytes of a table, as often as they fit.
    unsafe fn table(table: &[u8; 16]) -> Self;

    /// One byte everywhere.
    unsafe fn splat(byte: u8) -> Self;

    /// For each byte of `index`, which must be below 16, that byte of the table.
    unsafe fn lookup(self, index: Self) -> Self;

    /// The lower four bits of each byte.
    unsafe fn low(self) -> Self;

    /// The upper four bits of each byte, as a number below 16.
    unsafe fn high(self) -> Self;

    unsafe fn and(self, other: Self) -> Self;

    unsafe fn or(self, other: Self) -> Self;

    /// Each byte shifted up by one bit.
    unsafe fn double(self) -> Self;

    /// One bit for each byte, the first lowest: its top bit.
    unsafe fn top(self) -> u64;

    /// One bit for each byte, the first lowest: whether it has any bit.
    unsafe fn any(self) -> u64;
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use core::arch::x86_64 as arch;

    use super::Vector;

    /// 16 bytes; needs SSSE3.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Ssse3(arch::__m128i);

    impl Vector for Ssse3 {
        const LEN: usize = 16;

        #[inline(always)]
        unsafe fn load(from: *const u8) -> Self {
            // SAFETY: the caller says that LEN bytes are readable; the load needs no alignment.
            Ssse3(unsafe { arch::_mm_loadu_si128(from.cast()) })
        }

        #[inline(always)]
        unsafe fn table(table: &[u8; 16]) -> Self {
            // SAFETY: the reference is to LEN bytes.
            unsafe { Self::load(table.as_ptr()) }
        }

        #[inline(always)]
        unsafe fn splat(byte: u8) -> Self {
            // SAFETY: SSE2 is part of x86-64.
            Ssse3(unsafe { arch::_mm_set1_epi8(byte.cast_signed()) })
        }

        #[inline(always)]
        unsafe fn lookup(self, index: Self) -> Self {
            // SAFETY: the caller says that the machine has SSSE3.
            Ssse3(unsafe { arch::_mm_shuffle_epi8(self.0, index.0) })
        }

        #[inline(always)]
        unsafe fn low(self) -> Self {
            // SAFETY: SSE2 is part of x86-64.
            unsafe { self.and(Self::splat(15)) }
        }

        #[inline(always)]
        unsafe fn high(self) -> Self {
            // SAFETY: SSE2 is part of x86-64.
            unsafe { Ssse3(arch::_mm_srli_epi16::<4>(self.0)).low() }
        }

        #[inline(always)]
        unsafe fn and(self, other: Self) -> Self {
            // SAFETY: SSE2 is part of x86-64.
            Ssse3(unsafe { arch::_mm_and_si128(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn or(self, other: Self) -> Self {
            // SAFETY: SSE2 is part of x86-64.
            Ssse3(unsafe { arch::_mm_or_si128(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn double(self) -> Self {
            // SAFETY: SSE2 is part of x86-64.
            Ssse3(unsafe { arch::_mm_add_epi8(self.0, self.0) })
        }

        #[inline(always)]
        unsafe fn top(self) -> u64 {
            // SAFETY: SSE2 is part of x86-64.
            u64::from(unsafe { arch::_mm_movemask_epi8(self.0) }.cast_unsigned())
        }

        #[inline(always)]
        unsafe fn any(self) -> u64 {
            // SAFETY: SSE2 is part of x86-64.
            let none = unsafe { arch::_mm_cmpeq_epi8(self.0, arch::_mm_setzero_si128()) };
            // SAFETY: as above.
            unsafe { Ssse3(none).top() ^ 0xffff }
        }
    }

    /// 32 bytes; needs AVX2.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(arch::__m256i);

    impl Vector for Avx2 {
        const LEN: usize = 32;

        #[inline(always)]
        unsafe fn load(from: *const u8) -> Self {
            // SAFETY: the caller says that LEN bytes are readable and that the machine has AVX2; the load needs no alignment.
            Avx2(unsafe { arch::_mm256_loadu_si256(from.cast()) })
        }

        #[inline(always)]
        unsafe fn table(table: &[u8; 16]) -> Self {
            // SAFETY: the reference is to the 16 bytes that are loaded; the caller says that the machine has AVX2.
            Avx2(unsafe {
                arch::_mm256_broadcastsi128_si256(arch::_mm_loadu_si128(table.as_ptr().cast()))
            })
        }

        #[inline(always)]
        unsafe fn splat(byte: u8) -> Self {
            // SAFETY: the caller says that the machine has AVX2.
            Avx2(unsafe { arch::_mm256_set1_epi8(byte.cast_signed()) })
        }

        #[inline(always)]
        unsafe fn lookup(self, index: Self) -> Self {
            // SAFETY: the caller says that the machine has AVX2.
            Avx2(unsafe { arch::_mm256_shuffle_epi8(self.0, index.0) })
        }

        #[inline(always)]
        unsafe fn low(self) -> Self {
            // SAFETY: the caller says that the machine has AVX2.
            unsafe { self.and(Self::splat(15)) }
        }

        #[inline(always)]
        unsafe fn high(self) -> Self {
            // SAFETY: the caller says that the machine has AVX2.
            unsafe { Avx2(arch::_mm256_srli_epi16::<4>(self.0)).low() }
        }

        #[inline(always)]
        unsafe fn and(self, other: Self) -> Self {
            // SAFETY: the caller says that the machine has AVX2.
            Avx2(unsafe { arch::_mm256_and_si256(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn or(self, other: Self) -> Self {
            // SAFETY: the caller says that the machine has AVX2.
            Avx2(unsafe { arch::_mm256_or_si256(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn double(self) -> Self {
            // SAFETY: the caller says that the machine has AVX2.
            Avx2(unsafe { arch::_mm256_add_epi8(self.0, self.0) })
        }

        #[inline(always)]
        unsafe fn top(self) -> u64 {
            // SAFETY: the caller says that the machine has AVX2.
            u64::from(unsafe { arch::_mm256_movemask_epi8(self.0) }.cast_unsigned())
        }

        #[inline(always)]
        unsafe fn any(self) -> u64 {
            // SAFETY: the caller says that the machine has AVX2.
            let none = unsafe { arch::_mm256_cmpeq_epi8(self.0, arch::_mm256_setzero_si256()) };
            // SAFETY: as above.
            unsafe { Avx2(none).top() ^ 0xffff_ffff }
        }
    }

    /// 64 bytes; needs AVX-512 F and BW.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512(arch::__m512i);

    impl Vector for Avx512 {
        const LEN: usize = 64;

        #[inline(always)]
        unsafe fn load(from: *const u8) -> Self {
            // SAFETY: the caller says that LEN bytes are readable and that the machine has AVX-512; no alignment is needed.
            Avx512(unsafe { arch::_mm512_loadu_si512(from.cast()) })
        }

        #[inline(always)]
        unsafe fn table(table: &[u8; 16]) -> Self {
            // SAFETY: the reference is to the 16 bytes that are loaded; the caller says that the machine has AVX-512.
            Avx512(unsafe {
                arch::_mm512_broadcast_i32x4(arch::_mm_loadu_si128(table.as_ptr().cast()))
            })
        }

        #[inline(always)]
        unsafe fn splat(byte: u8) -> Self {
            // SAFETY: the caller says that the machine has AVX-512.
            Avx512(unsafe { arch::_mm512_set1_epi8(byte.cast_signed()) })
        }

        #[inline(always)]
        unsafe fn lookup(self, index: Self) -> Self {
            // SAFETY: the caller says that the machine has AVX-512 with BW.
            Avx512(unsafe { arch::_mm512_shuffle_epi8(self.0, index.0) })
        }

        #[inline(always)]
        unsafe fn low(self) -> Self {
            // SAFETY: the caller says that the machine has AVX-512.
            unsafe { self.and(Self::splat(15)) }
        }

        #[inline(always)]
        unsafe fn high(self) -> Self {
            // SAFETY: the caller says that the machine has AVX-512 with BW.
            unsafe { Avx512(arch::_mm512_srli_epi16::<4>(self.0)).low() }
        }

        #[inline(always)]
        unsafe fn and(self, other: Self) -> Self {
            // SAFETY: the caller says that the machine has AVX-512.
            Avx512(unsafe { arch::_mm512_and_si512(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn or(self, other: Self) -> Self {
            // SAFETY: the caller says that the machine has AVX-512.
            Avx512(unsafe { arch::_mm512_or_si512(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn double(self) -> Self {
            // SAFETY: the caller says that the machine has AVX-512 with BW.
            Avx512(unsafe { arch::_mm512_add_epi8(self.0, self.0) })
        }

        #[inline(always)]
        unsafe fn top(self) -> u64 {
            // SAFETY: the caller says that the machine has AVX-512 with BW.
            unsafe { arch::_mm512_movepi8_mask(self.0) }
        }

        #[inline(always)]
        unsafe fn any(self) -> u64 {
            // SAFETY: the caller says that the machine has AVX-512 with BW.
            unsafe { arch::_mm512_test_epi8_mask(self.0, self.0) }
        }
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) mod wasm {
    use core::arch::wasm32 as arch;

    use super::Vector;

    /// 16 bytes; the module was compiled for simd128.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Simd128(arch::v128);

    impl Vector for Simd128 {
        const LEN: usize = 16;

        #[inline(always)]
        unsafe fn load(from: *const u8) -> Self {
            // SAFETY: the caller says that LEN bytes are readable; the load needs no alignment.
            Simd128(unsafe { arch::v128_load(from.cast()) })
        }

        #[inline(always)]
        unsafe fn table(table: &[u8; 16]) -> Self {
            // SAFETY: the reference is to LEN bytes.
            unsafe { Self::load(table.as_ptr()) }
        }

        #[inline(always)]
        unsafe fn splat(byte: u8) -> Self {
            Simd128(arch::u8x16_splat(byte))
        }

        #[inline(always)]
        unsafe fn lookup(self, index: Self) -> Self {
            // Both agree where the index is below 16; the relaxed one is a single instruction on every machine.
            #[cfg(target_feature = "relaxed-simd")]
            return Simd128(arch::i8x16_relaxed_swizzle(self.0, index.0));
            #[cfg(not(target_feature = "relaxed-simd"))]
            Simd128(arch::i8x16_swizzle(self.0, index.0))
        }

        #[inline(always)]
        unsafe fn low(self) -> Self {
            Simd128(arch::v128_and(self.0, arch::u8x16_splat(15)))
        }

        #[inline(always)]
        unsafe fn high(self) -> Self {
            Simd128(arch::u8x16_shr(self.0, 4))
        }

        #[inline(always)]
        unsafe fn and(self, other: Self) -> Self {
            Simd128(arch::v128_and(self.0, other.0))
        }

        #[inline(always)]
        unsafe fn or(self, other: Self) -> Self {
            Simd128(arch::v128_or(self.0, other.0))
        }

        #[inline(always)]
        unsafe fn double(self) -> Self {
            Simd128(arch::i8x16_add(self.0, self.0))
        }

        #[inline(always)]
        unsafe fn top(self) -> u64 {
            u64::from(arch::i8x16_bitmask(self.0))
        }

        #[inline(always)]
        unsafe fn any(self) -> u64 {
            // Most machines can compare for equality only.
            let none = arch::u8x16_eq(self.0, arch::u8x16_splat(0));
            u64::from(arch::i8x16_bitmask(none) ^ 0xffff)
        }
    }
}

#[cfg(target_arch = "aarch64")]
pub(super) mod aarch64 {
    use core::arch::aarch64 as arch;

    use super::Vector;

    /// 16 bytes; NEON is part of AArch64.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Neon(arch::uint8x16_t);

    impl Vector for Neon {
        const LEN: usize = 16;

        #[inline(always)]
        unsafe fn load(from: *const u8) -> Self {
            // SAFETY: the caller says that LEN bytes are readable; the load needs no alignment.
            Neon(unsafe { arch::vld1q_u8(from) })
        }

        #[inline(always)]
        unsafe fn table(table: &[u8; 16]) -> Self {
            // SAFETY: the reference is to LEN bytes.
            unsafe { Self::load(table.as_ptr()) }
        }

        #[inline(always)]
        unsafe fn splat(byte: u8) -> Self {
            // SAFETY: NEON is part of AArch64.
            Neon(unsafe { arch::vdupq_n_u8(byte) })
        }

        #[inline(always)]
        unsafe fn lookup(self, index: Self) -> Self {
            // SAFETY: NEON is part of AArch64.
            Neon(unsafe { arch::vqtbl1q_u8(self.0, index.0) })
        }

        #[inline(always)]
        unsafe fn low(self) -> Self {
            // SAFETY: NEON is part of AArch64.
            unsafe { self.and(Self::splat(15)) }
        }

        #[inline(always)]
        unsafe fn high(self) -> Self {
            // SAFETY: NEON is part of AArch64.
            Neon(unsafe { arch::vshrq_n_u8::<4>(self.0) })
        }

        #[inline(always)]
        unsafe fn and(self, other: Self) -> Self {
            // SAFETY: NEON is part of AArch64.
            Neon(unsafe { arch::vandq_u8(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn or(self, other: Self) -> Self {
            // SAFETY: NEON is part of AArch64.
            Neon(unsafe { arch::vorrq_u8(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn double(self) -> Self {
            // SAFETY: NEON is part of AArch64.
            Neon(unsafe { arch::vaddq_u8(self.0, self.0) })
        }

        #[inline(always)]
        unsafe fn top(self) -> u64 {
            // SAFETY: NEON is part of AArch64.
            unsafe { self.and(Self::splat(0x80)).any() }
        }

        #[inline(always)]
        unsafe fn any(self) -> u64 {
            // One bit of each byte, added up within each half.
            const BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
            // SAFETY: NEON is part of AArch64.
            unsafe {
                let hit = arch::vandq_u8(arch::vtstq_u8(self.0, self.0), Self::table(&BITS).0);
                let low = arch::vaddv_u8(arch::vget_low_u8(hit));
                let high = arch::vaddv_u8(arch::vget_high_u8(hit));
                u64::from(low) | u64::from(high) << 8
            }
        }
    }
}
