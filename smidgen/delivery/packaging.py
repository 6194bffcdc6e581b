"""One C for every build system: Makefile, CMake, Arduino, Zephyr, PlatformIO and ESP-IDF, and what a board reports.

The texts stand in `templates/`, ordinary files in which `@word@` is replaced; the C itself stands once, in `src/`.
"""

import json
import re
from collections.abc import Mapping
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from math import prod

from smidgen.codegen import Identity, Program, find_optimization, kernel_text
from smidgen.codegen.c_text import C_TYPES, identifier
from smidgen.delivery.board_log import LOG_FORMAT
from smidgen.errors import ConfigError

#: The shortest limit among the package managers (PlatformIO's), less the prefix.
_LONGEST_NAME = 50 - len("smidgen-")


def packaging_files(program: Program, identity: Identity) -> dict[str, str]:
    """Return everything around the program's own C, by path in the delivered folder.

    Raises ConfigError for a name that the package managers do not take.
    """
    if len(program.name) > _LONGEST_NAME:
        raise ConfigError(
            f"the name {program.name!r} has {len(program.name)} characters; package managers take {_LONGEST_NAME}"
        )
    words = _words(program, identity)
    sketch = words["Name"]
    templates = resources.files("smidgen.delivery") / "templates"
    places = {
        f"src/{program.name}_report.h": "src/report.h",
        f"src/{program.name}_report.c": "src/report.c",
        f"examples/{sketch}/{sketch}.ino": "examples/sketch.ino",
        "examples/host/main.c": "examples/host/main.c",
        "Makefile": "Makefile",
        "CMakeLists.txt": "CMakeLists.txt",
        "library.properties": "library.properties",
        "idf_component.yml": "idf_component.yml",
        "zephyr/module.yml": "zephyr/module.yml",
        "zephyr/CMakeLists.txt": "zephyr/CMakeLists.txt",
        "zephyr/Kconfig": "zephyr/Kconfig",
    }
    files = {path: _filled(templates / template, words) for path, template in places.items()}
    return {**files, "library.json": _platformio(program, words)}


def _words(program: Program, identity: Identity) -> dict[str, str]:
    """Return what the templates leave open."""
    libraries = ["m"] if any("sqrtf" in text for text in program.files.values()) else []  # exact in every C library
    version = metadata.version("smidgen")
    outputs = [f"out_{place}" for place in range(len(program.outputs))]
    known = [f"{program.name}_known_{port.name}" for port in program.inputs]
    sizes = [f"{program.name.upper()}_{identifier(port.name).upper()}_SIZE" for port in program.inputs]
    return {
        "name": program.name,
        "NAME": program.name.upper(),
        "Name": "".join(part.capitalize() for part in program.name.split("_")),
        "version": version,
        "package": f"smidgen-{program.name}",
        "package_version": ".".join([*re.findall(r"\d+", version), "0", "0"][:3]),
        "sentence": f"The model {program.name} as C99 firmware, compiled by smidgen.",
        "paragraph": "All memory is one context that the caller owns; a self-test is built in.",
        "model_sha256": identity.model_sha256,
        "log_format": LOG_FORMAT,
        "headers": " ".join(f"src/{name}" for name in sorted(program.files) if name.endswith(".h"))
        + f" src/{program.name}_report.h",
        "libraries": " ".join(libraries),
        "link_flags": " ".join(f"-l{library}" for library in libraries),
        "crc32": kernel_text(["crc32"]),
        "outputs": "\n".join(
            f"    {C_TYPES[port.dtype]} {output}[{prod(port.shape)}];"
            for port, output in zip(program.outputs, outputs, strict=True)
        ),
        "entry": program.entry,
        "optimization": find_optimization(program.optimize).flag,
        "known_crc": f"0x{identity.known_answer_crc32:08X}U",
        "known": known[0],
        "known_size": sizes[0],
        "arguments": ", ".join(
            [*(f"&{symbol}[frame * {size}]" for symbol, size in zip(known, sizes, strict=True)), *outputs]
        ),
        "crc_of_outputs": "\n".join(
            f"                crc_of_pass = crc32_update(crc_of_pass, {output}, (uint32_t)sizeof({output}));"
            for output in outputs
        ),
    }


def _filled(template: Traversable, words: Mapping[str, str]) -> str:
    return re.sub(r"@(\w+)@", lambda found: words[found[1]], template.read_text(encoding="utf-8"))


def _platformio(program: Program, words: Mapping[str, str]) -> str:
    document = {
        "name": words["package"],
        "version": words["package_version"],
        "description": words["sentence"],
        "headers": [f"{program.name}.h", f"{program.name}_report.h"],
        "frameworks": "*",
        "platforms": "*",
        "build": {"srcDir": "src", "includeDir": "src", "flags": ["-ffp-contract=off", "-fno-math-errno"]},
    }
    return json.dumps(document, indent=2) + "\n"
