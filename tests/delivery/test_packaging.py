"""One source tree for every build system: built where the tools are here, held against documented schemas elsewhere."""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from deliveries import GRAPHS, delivery_of, run_tool, small_graph

from smidgen.delivery import Delivery, read_board_log, read_manifest, save_delivery
from smidgen.errors import ConfigError
from smidgen.verification import STRICT_FLAGS
from smidgen.verification.zig import build

STRICT_CPP = ("-std=c++11", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
HOST = ("-mcpu=baseline", "-ffp-contract=off", "-fno-sanitize=all")

every_operator = pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)


@pytest.fixture(params=GRAPHS.values(), ids=GRAPHS, scope="module")
def delivery(request: pytest.FixtureRequest) -> Delivery:
    """A program of every integer operator, and one of every float operator."""
    return delivery_of(request.param)


@pytest.fixture
def folder(delivery: Delivery, tmp_path: Path) -> Path:
    """Its folder."""
    return save_delivery(delivery, tmp_path / "delivered")


def texts_of(delivery: Delivery) -> dict[str, str]:
    """Return the text files by path."""
    return {path: content.decode() for path, content in delivery.files().items() if not path.endswith(".safetensors")}


# ---- builds on this machine ------------------------------------------------------------------------------------------


def assert_proves(folder: Path, printed: str, log: Path) -> None:
    """What a self-test printed is a report of the expected answer, made without a fault."""
    log.write_text(printed)
    report, manifest = read_board_log(log), read_manifest(folder)
    assert (report.selftest, report.crc32) == (0, manifest.known_answer_crc32)
    assert report.model_sha256 == manifest.model_sha256


def test_make_builds_and_proves(folder: Path, tmp_path: Path) -> None:
    """`make test` builds library and self-test and runs it; nothing is built twice; `make clean` removes all of it."""
    assert_proves(folder, run_tool("make", ["test"], folder), tmp_path / "log")
    name = read_manifest(folder).name
    objects = {f"{name}.o", f"{name}_report.o"}
    assert {path.name for path in (folder / "build").iterdir()} == {f"lib{name}.a", f"{name}_selftest", *objects}
    assert "Nothing to be done for 'all'" in run_tool("make", ["all"], folder)
    run_tool("make", ["clean"], folder)
    assert list((folder / "build").iterdir()) == []


def test_one_wrong_pass_of_several_is_seen(tmp_path: Path) -> None:
    """A board that errs once, at the third of its calls, does not print the CRC of the known answer."""
    folder = save_delivery(delivery_of(small_graph("sometimes")), tmp_path / "sometimes")
    source = folder / "src" / "sometimes.c"
    ends = source.read_text().rpartition("    return SOMETIMES_OK;\n}\n\nsometimes_status sometimes_selftest")
    assert all(ends)
    (output,) = (port.name for port in delivery_of(small_graph("sometimes")).program.outputs)
    fault = (
        f"    {{\n        static int calls;\n        calls++;\n        {output}[0] ^= (calls == 3) ? 1 : 0;\n    }}\n"
    )
    source.write_text(ends[0] + fault + "".join(ends[1:]))
    (tmp_path / "log").write_text(run_tool("make", ["test"], folder))
    report = read_board_log(tmp_path / "log")
    assert (report.selftest, report.crc32 == read_manifest(folder).known_answer_crc32) == (0, False)


def test_cmake_builds_and_proves(folder: Path, tmp_path: Path) -> None:
    """CMake alone configures, builds without a warning, and ctest runs the self-test."""
    run_tool("cmake", ["-S", folder, "-B", tmp_path / "build", "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror"], tmp_path)
    run_tool("cmake", ["--build", tmp_path / "build"], tmp_path)
    assert "100% tests passed" in run_tool("ctest", ["--test-dir", tmp_path / "build"], tmp_path)
    executable = tmp_path / "build" / f"{read_manifest(folder).name}_selftest"
    assert_proves(folder, subprocess.run([executable], capture_output=True, text=True).stdout, tmp_path / "log")


def test_two_models_are_two_targets_of_one_cmake_project(tmp_path: Path) -> None:
    """As parts of a project the folders add their libraries only; one program runs both."""
    for name in ("first", "second"):
        save_delivery(delivery_of(small_graph(name)), tmp_path / name)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(both LANGUAGES C)\nadd_subdirectory(first)\n"
        "add_subdirectory(second)\nadd_executable(both main.c)\ntarget_link_libraries(both PRIVATE first second)\n"
    )
    (tmp_path / "main.c").write_text(
        '#include "first.h"\n#include "second.h"\nstatic first_context a;\nstatic second_context b;\n'
        "int main(void) { return (int)first_selftest(&a) + (int)second_selftest(&b); }\n"
    )
    run_tool("cmake", ["-S", tmp_path, "-B", tmp_path / "build"], tmp_path)
    run_tool("cmake", ["--build", tmp_path / "build"], tmp_path)
    assert subprocess.run([tmp_path / "build" / "both"]).returncode == 0


def test_the_makefile_cross_compiles(folder: Path) -> None:
    """`make library` needs only the variables of another toolchain."""
    flags = "-O2 -mcpu=cortex-m4 -mthumb -Wall -Wextra -Werror"
    words = ["library", "CC=arm-none-eabi-gcc", "AR=arm-none-eabi-ar", f"CFLAGS={flags}"]
    run_tool("arm-none-eabi-gcc", ["--version"], folder)
    run_tool("make", words, folder)
    assert f"lib{read_manifest(folder).name}.a" in {path.name for path in (folder / "build").iterdir()}


# ---- every C file under strict compilers -----------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["c", "c++"])
def test_every_c_file_compiles_silently(delivery: Delivery, language: str, tmp_path: Path) -> None:
    """C99 and C++11, under zig and gcc, with every warning an error."""
    texts = {Path(path).name: text for path, text in texts_of(delivery).items() if re.search(r"\.[ch]$", path)}
    flags = STRICT_FLAGS if language == "c" else STRICT_CPP
    files = [name for name in sorted(texts) if name.endswith(".c")]
    assert len(files) == 3
    commands = [[*flags, "-O2", "-I.", "-x", language, "-c", file, "-o", f"{file}.o"] for file in files]
    build(texts, [["cc" if language == "c" else "c++", *command] for command in commands])
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    for command in commands:
        run_tool("gcc" if language == "c" else "g++", command, tmp_path)


@pytest.mark.parametrize("language", ["c", "c++"])
def test_two_models_live_in_one_image(language: str) -> None:
    """Two programs with their reports link together and prove themselves, compiled as C or as C++, in any order."""
    deliveries = [delivery_of(graph) for graph in GRAPHS.values()]
    names = [delivery.program.name for delivery in deliveries]
    sources = {
        Path(path).name: text
        for delivery in deliveries
        for path, text in texts_of(delivery).items()
        if path.startswith("src/")
    }
    contexts = "".join(f'#include "{name}_report.h"\nstatic {name}_context {name};\n' for name in names)
    sums = " + ".join(f"(int){name}_init(&{name}) + (int){name}_selftest(&{name})" for name in names)
    sources["main.c"] = f"{contexts}int main(void)\n{{\n    return {sums};\n}}\n"
    flags = STRICT_FLAGS if language == "c" else STRICT_CPP
    compiler = "cc" if language == "c" else "c++"
    files = [name for name in sources if name.endswith(".c")]
    commands = [[compiler, *HOST, *flags, "-x", language, "-c", file, "-o", f"{file}.o"] for file in files]
    link = ["cc", *HOST, *(f"{file}.o" for file in files), "-o", "main"]
    assert subprocess.run([build(sources, [*commands, link]) / "main"]).returncode == 0


def test_two_models_live_in_one_translation_unit() -> None:
    """Builds that paste all sources together (unity builds) get one copy of each shared kernel."""
    deliveries = [delivery_of(graph) for graph in GRAPHS.values()]
    sources = {
        Path(path).name: text
        for delivery in deliveries
        for path, text in texts_of(delivery).items()
        if path.startswith("src/")
    }
    pasted = "".join(f'#include "{name}"\n' for name in sources if name.endswith(".c"))
    names = [delivery.program.name for delivery in deliveries]
    contexts = "".join(f"static {name}_context {name};\n" for name in names)
    sums = " + ".join(f"(int){name}_selftest(&{name})" for name in names)
    sources["all.c"] = f"{pasted}{contexts}int main(void)\n{{\n    return {sums};\n}}\n"
    commands = [["cc", *HOST, *STRICT_FLAGS, "-I.", "all.c", "-o", "all"]]
    assert subprocess.run([build(sources, commands) / "all"]).returncode == 0


# ---- Arduino ---------------------------------------------------------------------------------------------------------

CORES = {
    "cortex-m0plus": ("-target", "thumb-freestanding-eabi", "-mcpu=cortex_m0plus"),
    "cortex-m4": ("-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4+vfp4d16sp"),
    "cortex-m33": ("-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m33+dsp+fp_armv8d16sp"),
    "rv32imc": ("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m+c"),
}


@pytest.mark.parametrize("core", CORES)
def test_the_sketch_compiles_as_the_ide_does_it(core: str) -> None:
    """C++ behind <Arduino.h>, with every warning an error; the cycle counter is used on the cores that have one."""
    texts = texts_of(delivery_of(small_graph()))
    sources = {Path(path).name: text for path, text in texts.items() if path.startswith("src/")}
    arduino = (Path(__file__).with_name("arduino") / "Arduino.h").read_text()
    sources |= {"Arduino.h": arduino, "sketch.cpp": "#include <Arduino.h>\n" + texts["examples/Tiny/Tiny.ino"]}
    command = ["c++", *CORES[core], *STRICT_CPP, "-Os", "-I.", "-c", "sketch.cpp", "-o", "sketch.o"]
    compiled = (build(sources, [command]) / "sketch.o").read_bytes()
    assert (b"cycles" in compiled) == (core in ("cortex-m4", "cortex-m33"))


#: library.properties: the fields that the specification of the Arduino library format (rev. 2.2) lists without
#: "optional", and what arduino-lint's published schema asks of each.
ARDUINO_FIELDS = {
    "name": r"(?!arduino)[A-Za-z][A-Za-z0-9 _.-]{0,62}",
    "version": r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)",
    "author": r".+",
    "maintainer": r"(?![Aa]rduino).+",
    "sentence": r".+",
    "paragraph": r".*",
    "category": r"Display|Communication|Signal Input/Output|Sensors|Device Control|Timing|Data [SP]\w+|Other",
    "url": r"[a-z][a-z0-9+.-]*:\S+",
    "architectures": r"\*|[\w,]+",
    "includes": r"\S+\.h",
}


def test_the_arduino_library_meets_its_specification(folder: Path) -> None:
    """Properties, sources in src/, and a sketch in a folder of its own name, as the IDE looks for it."""
    properties = dict(line.split("=", 1) for line in (folder / "library.properties").read_text().splitlines())
    assert set(properties) == set(ARDUINO_FIELDS)
    for key, pattern in ARDUINO_FIELDS.items():
        assert re.fullmatch(pattern, properties[key]), key
    assert (folder / "src" / properties["includes"]).is_file()
    sketches = [path.relative_to(folder) for path in folder.rglob("*.ino")]
    assert len(sketches) == 1
    assert sketches[0].parts[0] == "examples"
    assert re.fullmatch(r"[A-Za-z0-9][\w.-]{0,62}", sketches[0].stem)
    assert sketches[0].parent.name == sketches[0].stem


# ---- PlatformIO, Zephyr, ESP-IDF -------------------------------------------------------------------------------------


def test_the_platformio_manifest_meets_its_documentation(folder: Path) -> None:
    """Required fields, types and lengths as the pages of library.json give them; folders and headers exist."""
    document = json.loads((folder / "library.json").read_text())
    assert set(document) == {"name", "version", "description", "headers", "frameworks", "platforms", "build"}
    assert re.fullmatch(r"[^:;/,@<>]{1,50}", document["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", document["version"])
    assert 1 <= len(document["description"]) <= 255
    assert (document["frameworks"], document["platforms"]) == ("*", "*")
    assert set(document["build"]) == {"srcDir", "includeDir", "flags"}
    for header in document["headers"]:
        assert (folder / document["build"]["includeDir"] / header).is_file()


def test_the_zephyr_module_meets_its_schema(folder: Path) -> None:
    """module.yml has a name and a build section whose paths exist, and Kconfig defines the symbol that CMake reads."""
    module = yaml.safe_load((folder / "zephyr/module.yml").read_text())
    name = read_manifest(folder).name
    assert module == {"name": name, "build": {"cmake": "zephyr", "kconfig": "zephyr/Kconfig"}}
    assert (folder / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    kconfig = (folder / module["build"]["kconfig"]).read_text()
    symbol = re.findall(r"^config (\w+)\n\tbool \".+\"\n\thelp\n\t  \S.*$", kconfig, re.MULTILINE)
    assert symbol == [f"SMIDGEN_{name.upper()}"]
    assert f"if(CONFIG_{symbol[0]})" in (folder / "zephyr/CMakeLists.txt").read_text()


def test_the_esp_idf_manifest_meets_its_documentation(folder: Path) -> None:
    """A version of the documented scheme and a description; no field that the reference does not know."""
    manifest = yaml.safe_load((folder / "idf_component.yml").read_text())
    assert set(manifest) == {"version", "description"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])
    assert isinstance(manifest["description"], str)


#: The build functions of Zephyr and ESP-IDF, as their documentation describes them, on top of plain CMake.
FRAMEWORKS: Mapping[str, str] = {
    "zephyr": """
        macro(zephyr_library)
            add_library(module STATIC)
        endmacro()
        function(zephyr_library_sources)
            target_sources(module PRIVATE ${ARGV})
        endfunction()
        function(zephyr_library_compile_options)
            target_compile_options(module PRIVATE ${ARGV})
        endfunction()
        function(zephyr_include_directories)
            foreach(directory ${ARGV})
                get_filename_component(absolute ${directory} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
                include_directories(${absolute})
                target_include_directories(app PRIVATE ${absolute})
            endforeach()
        endfunction()
        set(CONFIG_SMIDGEN_TINY y)
        add_subdirectory(delivered/zephyr module)
        """,
    "esp-idf": """
        function(idf_component_register)
            cmake_parse_arguments(component "" "" "SRCS;INCLUDE_DIRS" ${ARGN})
            if(component_UNPARSED_ARGUMENTS)
                message(FATAL_ERROR "unknown: ${component_UNPARSED_ARGUMENTS}")
            endif()
            add_library(module STATIC ${component_SRCS})
            target_include_directories(module PUBLIC ${component_INCLUDE_DIRS})
            set(COMPONENT_LIB module PARENT_SCOPE)
        endfunction()
        set(ESP_PLATFORM 1)
        add_subdirectory(delivered)
        """,
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_frameworks_build_the_same_sources(framework: str, tmp_path: Path) -> None:
    """An application of Zephyr or ESP-IDF gets the library by the framework's own functions; its self-test passes."""
    save_delivery(delivery_of(small_graph()), tmp_path / "delivered")
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(application LANGUAGES C)\nadd_executable(app main.c)\n"
        f"{FRAMEWORKS[framework]}\ntarget_link_libraries(app PRIVATE module)\n"
    )
    (tmp_path / "main.c").write_text(
        '#include "tiny.h"\nstatic tiny_context context;\nint main(void) { return (int)tiny_selftest(&context); }\n'
    )
    run_tool("cmake", ["-S", tmp_path, "-B", tmp_path / "build", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"], tmp_path)
    run_tool("cmake", ["--build", tmp_path / "build"], tmp_path)
    assert subprocess.run([tmp_path / "build" / "app"]).returncode == 0
    compiled = json.loads((tmp_path / "build" / "compile_commands.json").read_text())
    flags = {Path(entry["file"]).name: entry["command"] for entry in compiled}
    assert set(flags) == {"main.c", "tiny.c", "tiny_report.c"}
    assert "-ffp-contract=off" in flags["tiny.c"]


def test_the_zephyr_module_is_off_until_it_is_chosen(tmp_path: Path) -> None:
    """Without its Kconfig symbol the module adds nothing."""
    save_delivery(delivery_of(small_graph()), tmp_path / "delivered")
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(application LANGUAGES C)\nadd_subdirectory(delivered/zephyr m)\n"
    )
    run_tool("cmake", ["-S", tmp_path, "-B", tmp_path / "build"], tmp_path)


# ---- contents --------------------------------------------------------------------------------------------------------


def test_there_is_one_copy_of_the_c(delivery: Delivery) -> None:
    """No file stands twice, and every build file names the same two sources."""
    contents = list(delivery.files().values())
    assert len(set(contents)) == len(contents)
    texts, name = texts_of(delivery), delivery.program.name
    for path in ("CMakeLists.txt", "zephyr/CMakeLists.txt"):
        assert sorted(set(re.findall(r"src/(\w+\.c)", texts[path]))) == [f"{name}.c", f"{name}_report.c"]


def test_nothing_is_left_open(delivery: Delivery) -> None:
    """Every word of the templates is replaced, no line names a place or a time, and text ends with a line break."""
    for path, text in texts_of(delivery).items():
        assert not re.search(r"@\w+@", text), path
        assert not re.search(r"(?<![\w*/}(.@])/(?!\*)(home|tmp|work|usr)\b", text), path
        assert text.endswith("\n"), path


def test_the_same_program_gives_the_same_folder() -> None:
    """Byte for byte, the manifest included."""
    first, second = delivery_of(small_graph()), delivery_of(small_graph())
    assert first.files() == second.files()
    assert first.manifest(first.files()).to_json() == second.manifest(second.files()).to_json()


def test_names_that_packages_cannot_have_are_refused() -> None:
    """The shortest limit of the package managers counts."""
    assert delivery_of(small_graph("a" * 42)).files()
    with pytest.raises(ConfigError, match=r"has 43 characters; package managers take 42"):
        delivery_of(small_graph("a" * 43)).files()


def test_a_program_written_by_hand_is_not_delivered() -> None:
    """Without an identity no board could be told apart."""
    delivery = delivery_of(small_graph())
    by_hand = replace(delivery, program=replace(delivery.program, identity=None))
    with pytest.raises(ConfigError, match="program tiny has no identity"):
        by_hand.files()
