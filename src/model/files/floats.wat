;; The loops over all weights of an import, in SIMD instructions. Addresses and lengths are in bytes.
;;
;; Worth it because these loops, the copy and SHA-256 share two cores: on a Xeon with AVX-512, for a matrix of 4096 x 1024,
;; quantizeRow and storeColumns take 1.9 to 2.4 GB/s of float32 where the best JavaScript took 1.2 and the one output at a
;; time of quantize.ts 0.8; `largest` takes 12 to 25 GB/s where JavaScript took 3 to 4.5. An import of MAR-B to int8
;; takes 2.2 s of processor time, and 3.1 s without them.
(module
  (import "floats" "memory" (memory 0))

  ;; The largest magnitude of the float32 values from $value to $end, at any multiples of 4, as its bits: without their
  ;; signs, the bits of floats are ordered as the floats are. At least 0x7f800000 where a value is no finite number.
  (func (export "largest") (param $value i32) (param $end i32) (result i32)
    (local $most v128) (local $bits i32) (local $one i32)
    (block $rest
      (loop $four
        (br_if $rest (i32.gt_u (i32.add (local.get $value) (i32.const 16)) (local.get $end)))
        (local.set $most
          (i32x4.max_u
            (local.get $most)
            (v128.and (v128.load (local.get $value)) (i32x4.splat (i32.const 0x7fffffff)))))
        (local.set $value (i32.add (local.get $value) (i32.const 16)))
        (br $four)))
    (local.set $most
      (i32x4.max_u
        (local.get $most)
        (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $most) (local.get $most))))
    (local.set $most
      (i32x4.max_u
        (local.get $most)
        (i8x16.shuffle 4 5 6 7 0 1 2 3 12 13 14 15 8 9 10 11 (local.get $most) (local.get $most))))
    (local.set $bits (i32x4.extract_lane 0 (local.get $most)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $value) (local.get $end)))
        (local.set $one (i32.and (i32.load (local.get $value)) (i32.const 0x7fffffff)))
        (local.set $bits
          (select (local.get $one) (local.get $bits) (i32.gt_u (local.get $one) (local.get $bits))))
        (local.set $value (i32.add (local.get $value) (i32.const 4)))
        (br $next)))
    (local.get $bits))

  ;; Quantises one output's weights, the float32 values from $value to $end: floor(value * $perWeight + 128.5), which is
  ;; 1 to 255, shifted left by $shift and or-ed into the words from $word on. The length is a multiple of 16. In float64,
  ;; as quantize.ts does it for any size; 2^52 more brings the integer into the low bits.
  (func (export "quantizeRow")
    (param $value i32) (param $end i32) (param $word i32) (param $shift i32) (param $perWeight f64)
    (local $values v128) (local $scale v128) (local $half v128) (local $integer v128)
    (local.set $scale (f64x2.splat (local.get $perWeight)))
    (local.set $half (f64x2.splat (f64.const 128.5)))
    (local.set $integer (f64x2.splat (f64.const 0x1p52)))
    (loop $four
      (local.set $values (v128.load (local.get $value)))
      (v128.store (local.get $word)
        (v128.or
          (v128.load (local.get $word))
          (i32x4.shl
            (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27
              (f64x2.add
                (local.get $integer)
                (f64x2.floor
                  (f64x2.add
                    (local.get $half)
                    (f64x2.mul (local.get $scale) (f64x2.promote_low_f32x4 (local.get $values))))))
              (f64x2.add
                (local.get $integer)
                (f64x2.floor
                  (f64x2.add
                    (local.get $half)
                    (f64x2.mul
                      (local.get $scale)
                      (f64x2.promote_low_f32x4
                        (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15
                          (local.get $values)
                          (local.get $values))))))))
            (local.get $shift))))
      (local.set $value (i32.add (local.get $value) (i32.const 16)))
      (local.set $word (i32.add (local.get $word) (i32.const 16)))
      (br_if $four (i32.lt_u (local.get $value) (local.get $end)))))

  ;; Stores four rows of words, each $bytes long (a multiple of 16), as columns: sixteen bytes, less 128 each, every
  ;; $stride bytes from $target on. Leaves zeros in the words.
  (func (export "storeColumns") (param $word i32) (param $bytes i32) (param $target i32) (param $stride i32)
    (local $end i32) (local $b i32) (local $c i32) (local $d i32)
    (local $ab01 v128) (local $cd01 v128) (local $ab23 v128) (local $cd23 v128) (local $signs v128)
    (local.set $signs (i32x4.splat (i32.const 0x80808080)))
    (local.set $end (i32.add (local.get $word) (local.get $bytes)))
    (loop $four
      (local.set $b (i32.add (local.get $word) (local.get $bytes)))
      (local.set $c (i32.add (local.get $b) (local.get $bytes)))
      (local.set $d (i32.add (local.get $c) (local.get $bytes)))
      (local.set $ab01
        (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23
          (v128.load (local.get $word))
          (v128.load (local.get $b))))
      (local.set $cd01
        (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23
          (v128.load (local.get $c))
          (v128.load (local.get $d))))
      (local.set $ab23
        (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31
          (v128.load (local.get $word))
          (v128.load (local.get $b))))
      (local.set $cd23
        (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31
          (v128.load (local.get $c))
          (v128.load (local.get $d))))
      (v128.store (local.get $word) (v128.const i64x2 0 0))
      (v128.store (local.get $b) (v128.const i64x2 0 0))
      (v128.store (local.get $c) (v128.const i64x2 0 0))
      (v128.store (local.get $d) (v128.const i64x2 0 0))
      (v128.store (local.get $target)
        (v128.xor
          (local.get $signs)
          (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $ab01) (local.get $cd01))))
      (local.set $target (i32.add (local.get $target) (local.get $stride)))
      (v128.store (local.get $target)
        (v128.xor
          (local.get $signs)
          (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $ab01) (local.get $cd01))))
      (local.set $target (i32.add (local.get $target) (local.get $stride)))
      (v128.store (local.get $target)
        (v128.xor
          (local.get $signs)
          (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $ab23) (local.get $cd23))))
      (local.set $target (i32.add (local.get $target) (local.get $stride)))
      (v128.store (local.get $target)
        (v128.xor
          (local.get $signs)
          (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $ab23) (local.get $cd23))))
      (local.set $target (i32.add (local.get $target) (local.get $stride)))
      (local.set $word (i32.add (local.get $word) (i32.const 16)))
      (br_if $four (i32.lt_u (local.get $word) (local.get $end))))))
