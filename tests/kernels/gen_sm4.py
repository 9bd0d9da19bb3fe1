"""Prints csrc/sm4_tables.h (``tables``) or csrc/sm4_sbox.h (``sbox``): everything derived, nothing copied.

The S-box of GB/T 32907 is A·(A·x + C)^-1 + C in GF(2^8) modulo 0x1F5, with A a
circulant matrix. Its field is isomorphic to that of AES, so one inversion in
the AES field and two affine maps give it: the AES instructions or the
well-known inversion circuit of Boyar and Peralta (36 ANDs) do the inversion.
"""

import sys
from collections.abc import Callable

SM4_POLY, AES_POLY, SM4_ROW, SM4_C = 0x1F5, 0x11B, 0xA7, 0xD3

Matrix = list[int]
"""A linear map of 8 bits: the images of the eight unit vectors, lowest bit first."""


def multiply(a: int, b: int, poly: int) -> int:
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a, b = a << 1, b >> 1
        a ^= poly if a & 0x100 else 0
    return product


def inverse(a: int, poly: int) -> int:
    return next((b for b in range(256) if multiply(a, b, poly) == 1), 0)


def apply(matrix: Matrix, x: int) -> int:
    result = 0
    for bit, image in enumerate(matrix):
        result ^= image if x >> bit & 1 else 0
    return result


def matrix_of(function: Callable[[int], int]) -> Matrix:
    return [function(1 << bit) for bit in range(8)]


def invert(matrix: Matrix) -> Matrix:
    table = {apply(matrix, x): x for x in range(256)}
    return [table[1 << bit] for bit in range(8)]


def rotate(x: int, n: int) -> int:
    return (x << n | x >> (8 - n)) & 255


# Row i of A is 0xA7 rotated; column form: bit i of A·x is the parity of x and row i.
SM4_A = matrix_of(lambda x: sum((bin(x & rotate(SM4_ROW, i)).count("1") & 1) << i for i in range(8)))
AES_A = matrix_of(lambda x: x ^ rotate(x, 1) ^ rotate(x, 2) ^ rotate(x, 3) ^ rotate(x, 4))
S_BOX = [apply(SM4_A, inverse(apply(SM4_A, x) ^ SM4_C, SM4_POLY)) ^ SM4_C for x in range(256)]
AES_INVERSE = [inverse(x, AES_POLY) for x in range(256)]


def isomorphisms() -> list[Matrix]:
    """The eight maps from SM4's field to that of AES: a generator's powers go to a root's powers."""
    found = []
    for root in range(2, 256):
        powers = [1]
        for _ in range(8):
            powers.append(multiply(powers[-1], root, AES_POLY))
        value = 0
        for bit in range(9):
            value ^= powers[bit] if SM4_POLY >> bit & 1 else 0
        if value == 0:
            found.append(powers[:8])
    return found


def nibbles(matrix: Matrix, constant: int) -> tuple[list[int], list[int]]:
    """An affine map as two tables of sixteen: low nibble, and high nibble with the constant."""
    return [apply(matrix, i) for i in range(16)], [apply(matrix, i << 4) ^ constant for i in range(16)]


def tables() -> str:
    iso = isomorphisms()[0]
    into = [apply(iso, column) for column in SM4_A]  # x -> basis
    into_constant = apply(iso, SM4_C)
    back = invert(into)
    undo = [apply(SM4_A, apply(invert(iso), column)) for column in invert(AES_A)]
    undo_constant = apply(undo, 0x63) ^ SM4_C
    aes = [apply(AES_A, AES_INVERSE[x]) ^ 0x63 for x in range(256)]
    assert all(S_BOX[x] == apply(undo, aes[apply(into, x) ^ into_constant]) ^ undo_constant for x in range(256))

    def step(function: Callable[[int], int]) -> tuple[list[int], list[int]]:
        """byte -> into(function(S-box output)) as nibble tables of the AES instruction's output."""
        linear = matrix_of(function)
        return nibbles(
            [apply(into, apply(linear, column)) for column in undo], apply(into, apply(linear, undo_constant))
        )

    ck = [int.from_bytes(bytes((4 * i + j) * 7 % 256 for j in range(4)), "big") for i in range(32)]
    fk = [0xA3B1BAC6, 0x56AA3350, 0x677D9197, 0xB27022DC]

    def word(value: int, constant: int = 0) -> str:
        """A word in the basis, its most significant byte lowest in memory."""
        mapped = [apply(into, byte) ^ constant for byte in value.to_bytes(4, "big")]
        return f"0x{int.from_bytes(bytes(mapped), 'little'):08x}"

    maps = {
        "INTO": nibbles(into, 0),
        "BACK": nibbles(back, 0),
        "TURN": step(lambda x: rotate(x, 2)),
        "HOME": step(lambda x: x ^ (x << 2 & 255)),
        "KEY0": step(lambda x: x),
        "KEY1": step(lambda x: x << 5 & 255),
        "KEY2": step(lambda x: (x << 7 & 255) ^ (x >> 3)),
        "KEY3": step(lambda x: x >> 1),
    }
    lines = [
        "/* Made by tests/kernels/gen_sm4.py: byte maps of SM4 in the AES field's basis. See sm4_aes.h. */",
        "#ifndef SBCARD_SM4_TABLES_H",
        "#define SBCARD_SM4_TABLES_H",
        "",
        "#include <stdint.h>",
        "",
        "/* An affine map of a byte: one table per nibble, the map is their XOR. */",
        "typedef struct {",
        "    uint8_t low[16], high[16];",
        "} sm4_map;",
        "",
    ]
    for name, (low, high) in maps.items():
        lines += [f"static const sm4_map SM4_{name} = {{"]
        lines += ["    {" + ", ".join(f"0x{value:02x}" for value in half) + "}," for half in (low, high)]
        lines += ["};"]
    lines += ["", "static const uint32_t SM4_BASIS_FK[4] = {"]
    lines += ["    " + ", ".join(word(value, into_constant) for value in fk) + ",", "};"]
    lines += ["static const uint32_t SM4_BASIS_CK[32] = {"]
    lines += ["    " + ", ".join(word(value) for value in ck[i : i + 8]) + "," for i in range(0, 32, 8)]
    lines += ["};", "", "#endif"]
    return "\n".join(lines) + "\n"


# The inversion circuit. Linear forms of the eight inputs x0 (highest bit) to x7, by letters of the paper's AES S-box.
TOP = """y14=x3^x5 y13=x0^x6 y9=x0^x3 y8=x0^x5 t0=x1^x2 y1=t0^x7 y4=y1^x3 y12=y13^y14 y2=y1^x0 y5=y1^x6 y3=y5^y8
t1=x4^y12 y15=t1^x5 y20=t1^x1 y6=y15^x7 y10=y15^t0 y11=y20^y9 y7=x7^y11 y17=y10^y11 y19=y10^y8 y16=t0^y11
y21=y13^y16 y18=x0^y16"""
MIDDLE = """t2=y12&y15 t3=y3&y6 t4=t3^t2 t5=y4&x7 t6=t5^t2 t7=y13&y16 t8=y5&y1 t9=t8^t7 t10=y2&y7 t11=t10^t7
t12=y9&y11 t13=y14&y17 t14=t13^t12 t15=y8&y10 t16=t15^t12 t17=t4^t14 t18=t6^t16 t19=t9^t14 t20=t11^t16 t21=t17^y20
t22=t18^y19 t23=t19^y21 t24=t20^y18 t25=t21^t22 t26=t21&t23 t27=t24^t26 t28=t25&t27 t29=t28^t22 t30=t23^t24
t31=t22^t26 t32=t31&t30 t33=t32^t24 t34=t23^t33 t35=t27^t33 t36=t24&t35 t37=t36^t34 t38=t27^t36 t39=t29&t38
t40=t25^t39 t41=t40^t37 t42=t29^t33 t43=t29^t40 t44=t33^t37 t45=t42^t41 z0=t44&y15 z1=t37&y6 z2=t33&x7 z3=t43&y16
z4=t40&y1 z5=t29&y7 z6=t42&y11 z7=t45&y17 z8=t41&y10 z9=t44&y12 z10=t37&y3 z11=t33&y4 z12=t43&y13 z13=t40&y5
z14=t29&y2 z15=t42&y9 z16=t45&y14 z17=t41&y8"""
FORMS = ["x7", *(f"y{i}" for i in range(1, 22))]


def evaluate(program: str, values: dict[str, int]) -> dict[str, int]:
    for line in program.split():
        name, expression = line.split("=")
        left, right = expression.replace("&", "^").split("^")
        values[name] = values[left] & values[right] if "&" in expression else values[left] ^ values[right]
    return values


def share(targets: dict[str, int], inputs: list[str], prefix: str) -> list[str]:
    """Greedy common-subexpression XOR program (Paar): targets are bit sets of the inputs."""
    names = list(inputs)
    rows = dict(targets)
    program: list[str] = []
    while True:
        counts: dict[int, int] = {}
        for row in rows.values():
            bits = [i for i in range(len(names)) if row >> i & 1]
            for a, first in enumerate(bits):
                for second in bits[a + 1 :]:
                    pair = 1 << first | 1 << second
                    counts[pair] = counts.get(pair, 0) + 1
        if not counts:
            break
        pair = max(counts, key=lambda key: (counts[key], -key))
        first, second = [i for i in range(len(names)) if pair >> i & 1]
        fresh = f"{prefix}{len(program)}"
        program.append(f"{fresh}={names[first]}^{names[second]}")
        names.append(fresh)
        rows = {key: row & ~pair | 1 << (len(names) - 1) if row & pair == pair else row for key, row in rows.items()}
    final = {key: names[row.bit_length() - 1] for key, row in rows.items()}
    return rename(program, final)


def rename(program: list[str], final: dict[str, str]) -> list[str]:
    """Give the targets their names; a target that is an input or a second name becomes a copy."""
    chosen: dict[str, str] = {}
    copies = []
    produced = {line.split("=")[0] for line in program}
    for target, source in final.items():
        if source in produced and source not in chosen:
            chosen[source] = target
        else:
            copies.append(f"{target}={chosen.get(source, source)}")
    swapped = []
    for line in program:
        name, expression = line.split("=")
        left, right = expression.split("^")
        swapped.append(f"{chosen.get(name, name)}={chosen.get(left, left)}^{chosen.get(right, right)}")
    return swapped + copies


def solve(columns: list[int], target: int) -> int:
    """The lightest combination (a bit set) of the columns that equals ``target``; bit 18 is the constant."""
    basis: dict[int, tuple[int, int]] = {}
    null = []
    for index, column in enumerate(columns):
        value, made = column, 1 << index
        while value and value.bit_length() in basis:
            other, how = basis[value.bit_length()]
            value, made = value ^ other, made ^ how
        if value:
            basis[value.bit_length()] = (value, made)
        else:
            null.append(made)
    answer = 0
    while target:
        other, how = basis[target.bit_length()]
        target, answer = target ^ other, answer ^ how
    best = answer
    for choice in range(1 << len(null)):
        candidate = answer
        for bit, made in enumerate(null):
            candidate ^= made if choice >> bit & 1 else 0
        best = min(best, candidate, key=lambda v: bin(v).count("1"))
    return best


def circuit(iso: Matrix, scale: int) -> tuple[list[str], list[str], int]:
    """Top and bottom layers for S(x) with the inversion at scale·iso(A·x + C), and which outputs are inverted.

    1/(s·v) = (1/s)·(1/v): any s works, and some give fewer XORs.
    """
    enter = [multiply(scale, apply(iso, column), AES_POLY) for column in SM4_A]
    constant = multiply(scale, apply(iso, SM4_C), AES_POLY)
    ones = (1 << 256) - 1
    plain = {f"x{i}": 1 << (7 - i) for i in range(8)}  # as forms of the bits of v
    forms = {name: evaluate(TOP, dict(plain))[name] for name in FORMS}
    targets, flipped = {}, set()
    for name, form in forms.items():
        row = 0
        for bit in range(8):
            row |= (bin(form & enter[bit]).count("1") & 1) << bit
        targets[name] = row
        if bin(form & constant).count("1") & 1:
            flipped.add(name)
    top = share(targets, [f"b{i}" for i in range(8)], "a")
    values = {}
    for i in range(8):
        values[f"b{i}"] = sum((x >> i & 1) << x for x in range(256))
    for name in FORMS:
        row = targets[name]
        value = ones if name in flipped else 0
        for i in range(8):
            value ^= values[f"b{i}"] if row >> i & 1 else 0
        values[name] = value
    evaluate(MIDDLE, values)
    columns = [values[f"z{i}"] for i in range(18)] + [ones]
    outs = {i: solve(columns, sum((S_BOX[x] >> i & 1) << x for x in range(256))) for i in range(8)}
    bottom = share({f"s{i}": row & (1 << 18) - 1 for i, row in outs.items()}, [f"z{i}" for i in range(18)], "c")
    inverted = sum(1 << i for i in range(8) if outs[i] >> 18 & 1)
    return top, [*bottom, "flipped=" + ",".join(sorted(flipped))], inverted


def cost(layers: tuple[list[str], list[str], int]) -> int:
    top, bottom, inverted = layers
    nots = len(bottom[-1].split("=")[1].split(",")) if bottom[-1] != "flipped=" else 0
    return sum("^" in line for line in top + bottom[:-1]) + nots + bin(inverted).count("1")


def search() -> tuple[int, Matrix, int]:
    return min((cost(circuit(iso, scale)), iso, scale) for iso in isomorphisms() for scale in range(1, 256))


BEST = (5, 83)
"""Which isomorphism and scale: the cheapest of all 8 x 255, as ``search`` found."""


def sbox() -> str:
    iso, scale = isomorphisms()[BEST[0]], BEST[1]
    top, bottom, inverted = circuit(iso, scale)
    flipped = set(bottom.pop().split("=")[1].split(",")) - {""}
    lines = [
        "/* Made by tests/kernels/gen_sm4.py: the SM4 S-box as a circuit over bit planes.",
        " * b[i] holds bit i of 64 bytes and is replaced by bit i of their images. */",
        "#ifndef SBCARD_SM4_SBOX_H",
        "#define SBCARD_SM4_SBOX_H",
        "",
        "#include <stdint.h>",
        "",
        "static inline void sm4_sbox_planes(uint64_t b[8]) {",
        "    const uint64_t b0 = b[0], b1 = b[1], b2 = b[2], b3 = b[3], b4 = b[4], b5 = b[5], b6 = b[6], b7 = b[7];",
    ]

    def emit(line: str) -> None:
        name, expression = line.split("=")
        expression = expression.replace("^", " ^ ").replace("&", " & ")
        lines.append(f"    const uint64_t {name} = {expression};")

    def plain(line: str) -> str:
        name, expression = line.split("=")
        operands = [f"{o}_" if o in flipped else o for o in expression.split("^")]
        return f"{name}_={'^'.join(operands)}" if name in flipped else f"{name}={'^'.join(operands)}"

    for line in top:
        emit(plain(line))
    lines.extend(f"    const uint64_t {name} = ~{name}_;" for name in FORMS if name in flipped)
    for line in MIDDLE.split():
        emit(line)
    for line in bottom:
        emit(line)
    lines.extend(f"    b[{i}] = {'~' if inverted >> i & 1 else ''}s{i};" for i in range(8))
    lines += ["}", "", "#endif"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1] == "search":
        print(search())
    else:
        sys.stdout.write({"tables": tables, "sbox": sbox}[sys.argv[1]]())
