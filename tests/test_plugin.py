"""The door for backends: what is behind it, its tables, and plugins that are not as they should be.

The plugins here are real distributions, in a folder on `sys.path` of processes of their own.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import plugin
from pluggrad.arrays import plugins
from pluggrad.arrays.backend import PRIMITIVES, _registered
from pluggrad.arrays.composites import COMPOSITES
from pluggrad.arrays.standard import CREATION, INQUIRIES
from pluggrad.tools.cli import hooks_as_markdown, main

HERE = Path(__file__).parents[1]

# ---------------------------------------------------------------- the tables


def test_everything_behind_the_door_is_documented():
    for name in plugin.__all__:
        assert name in plugin.__doc__, name
        value = getattr(plugin, name)
        if callable(value):
            assert inspect.getdoc(value), name


def test_every_name_of_the_adapter_is_a_hook_and_says_what_it_must_do():
    hooks = plugin.hooks()
    assert set(hooks) == {name for name in vars(plugin.Adapter) if not name.startswith("_")}
    assert len(hooks) > 35
    for name, hook in {**hooks, **plugin.FUNCTIONS}.items():
        assert hook.call.startswith(name)
        assert len(hook.does) > 5 and hook.does.endswith("."), hook
        assert not hook.default or hook.default.endswith("."), hook
    required = [name for name, hook in hooks.items() if not hook.default]
    assert required == ["name", "modules", "namespace"]


def test_every_name_that_the_engine_looks_up_in_functions_is_in_the_table():
    """The private primitives, and what rules ask an adapter's `functions` for."""
    #: Of nodes in the graph, which no library computes; and one that answers a tuple of ours.
    inner = {"part", "accumulate_grad", "solve"}
    private = {name for name, row in PRIMITIVES.items() if row.private}
    asked = {
        node.args[0].value
        for path in Path(pg.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args
        and isinstance(node.args[0], ast.Constant)
        and (node.func.attr == "raw" or ast.unparse(node.func).endswith("functions.get"))
    }  # fmt: skip
    assert {"put", "getitem", "lu_factor"} <= asked
    public = {name for name, row in PRIMITIVES.items() if not row.private}
    standard = {*public, *COMPOSITES, *CREATION, *INQUIRIES, "asarray"} - {"copy"}
    # `copy` is public, and no function of the standard.
    assert set(plugin.FUNCTIONS) == ((private - inner) | (asked - standard) | {"copy"})


def test_the_arguments_in_the_table_are_those_of_the_primitives():
    for name, hook in plugin.FUNCTIONS.items():
        row = PRIMITIVES.get(name)
        if row is not None and not row.variadic:
            assert hook.call.replace(", *,", ",").replace("*, ", "") == row.signature.replace(
                "/, *, ", "").replace(", /", ""), name  # fmt: skip


def test_the_tables_in_contributing_are_current():
    text = (HERE / "CONTRIBUTING.md").read_text(encoding="utf-8")
    inside = text.partition("<!-- hooks -->\n")[2].partition("<!-- end of hooks -->")[0]
    assert inside.strip() == hooks_as_markdown(), (
        "put what `pluggrad backends --hooks markdown` prints into CONTRIBUTING.md"
    )


def test_our_own_adapters_have_no_misspelt_hooks():
    for name in plugins.plugins():
        if not plugins.is_ours(plugins.plugins()[name]) or not plugins.is_installed(name):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            backend = plugin.get_backend(name)
        assert "warnings" not in pg.backends()[backend.name]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": ""}, "no name"),
        ({"plugin_version": plugin.VERSION + 1}, "Upgrade pluggrad"),
        ({"plugin_version": 0}, "Upgrade the plugin"),
        ({"plugin_version": "1"}, "no integer"),
        ({"modules": "mylib"}, "tuple"),
        ({"namespace": plugin.Adapter.namespace}, r"namespace\(\)"),
    ],
)
def test_adapters_that_cannot_be_registered(given, message):
    facts = {"name": "wrong", "namespace": lambda self: np, **given}
    with pytest.raises(pg.BackendError, match=message):
        pg.register_backend(type("Wrong", (plugin.Adapter,), facts)())
    with pytest.raises(pg.BackendError, match="of type dict"):
        pg.register_backend({})
    assert "wrong" not in pg.backends()


def test_a_registered_adapter_that_raises_is_named():
    class Raising(plugin.Adapter):
        name = "raising"

        def namespace(self):
            raise KeyError("lost")

    pg.register_backend(Raising())
    try:
        assert pg.backends()["raising"] == {
            "installed": False, "error": "KeyError: 'lost' (in namespace())"
        }  # fmt: skip
        with pytest.raises(pg.BackendError, match="raising") as caught:
            pg.namespace("raising")
        assert isinstance(caught.value.__cause__, KeyError)
    finally:
        del _registered["raising"]


# ---------------------------------------------------------------- distributions in a folder

HEAD = """
import sys
sys.__dict__.setdefault("plugins_that_ran", []).append(__name__)
from pluggrad.plugin import Adapter
import array_api_compat.numpy as xp

class Plug(Adapter):
    name = NAME
    modules = (NAME,)
    plugin_version = 1

    def namespace(self):
        return xp
"""
#: The source of a plugin by the name of its entry point, and what its object is.
SOURCES = {
    "goodlib": HEAD + "backend = Plug()",
    "brokenlib": HEAD + "raise RuntimeError('the plugin\\n of brokenlib')",
    "importing": HEAD + "raise ImportError('cannot import this')",
    "missing": HEAD + "import library_that_is_not_there",
    "syntax": HEAD + "def f(:",
    "exiting": HEAD + "sys.exit('bye')",
    "noadapter": HEAD + "backend = object()",
    "theclass": HEAD + "backend = Plug",
    "nothing": HEAD,
    "nonamespace": HEAD + "del Plug.namespace\nbackend = Plug()",
    "noname": HEAD + "Plug.name = ''\nbackend = Plug()",
    "othername": HEAD + "Plug.name = 'another'\nbackend = Plug()",
    "thief": HEAD + "Plug.name = 'numpy'\nbackend = Plug()",
    "future": HEAD + "Plug.plugin_version = 99\nbackend = Plug()",
    "innamespace": HEAD + "Plug.namespace = lambda self: 1 / 0\nbackend = Plug()",
    "inversion": HEAD + "Plug.version = lambda self: 1 / 0\nbackend = Plug()",
    "indevices": HEAD + "Plug.devices = lambda self: 1 / 0\nbackend = Plug()",
    "incapabilities": HEAD + "Plug.capabilities = lambda self: 1 / 0\nbackend = Plug()",
    "misspelt": HEAD + textwrap.dedent("""
        Plug.scater_add = Plug.helper = lambda self: None
        Plug.functions = {'put_inplace': print, 'tanhh': print, 'my_own': print}
        backend = Plug()
    """),
}  # fmt: skip
LIBRARY = """
import numpy as np
__version__ = "3.1"

class Array(np.ndarray):
    pass
"""
#: What cannot be used, and what its one line says.
BROKEN = {
    "brokenlib": "RuntimeError: the plugin of brokenlib (when it is imported)",
    "importing": "ImportError: cannot import this (when it is imported)",
    "syntax": "SyntaxError: invalid syntax (plug_syntax.py, line 14) (when it is imported)",
    "exiting": "SystemExit: bye (when it is imported)",
    "noadapter": "an object of type object is registered",
    "theclass": "the class Plug is registered; register an instance of it",
    "nothing": "AttributeError: module 'plug_nothing' has no attribute 'backend'",
    "nonamespace": "its adapter Plug has no method namespace()",
    "noname": "its adapter Plug has no name",
    "othername": "its entry point is called 'othername', and its adapter 'another'",
    "thief": "its entry point is called 'thief', and its adapter 'numpy'",
    "future": "written for version 99 of pluggrad.plugin, and this pluggrad has version 1. Upgrade",
    "innamespace": "ZeroDivisionError: division by zero (in namespace())",
    "inversion": "ZeroDivisionError: division by zero (in version())",
    "indevices": "ZeroDivisionError: division by zero (in devices())",
    "incapabilities": "ZeroDivisionError: division by zero (in capabilities())",
}
#: These can be used, though not be asked for all facts.
USABLE = {"inversion", "indevices", "incapabilities"}


def distribute(folder: Path, name: str, entries: str, modules: dict[str, str]) -> None:
    """An installed distribution: modules, and the metadata that importlib reads."""
    info = folder / f"{name.replace('-', '_')}-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(f"[pluggrad.backends]\n{entries}")
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Plugins of all kinds, installed together."""
    found = tmp_path_factory.mktemp("plugins")
    for name, source in SOURCES.items():
        modules = {f"plug_{name}": source.replace("NAME", repr(name)), name: LIBRARY}
        distribute(found, f"{name}-plugin", f"{name} = plug_{name}:backend\n", modules)
    distribute(
        found, "zz-double", "goodlib = plug_syntax:backend\nnumpy = plug_syntax:backend\n", {}
    )
    distribute(found, "zz-bare", "unsigned = plug_syntax:backend\nmalformed = ??:??\n", {})
    (found / "zz_bare-0.1.dist-info" / "METADATA").unlink()
    (found / "otherlib.py").write_text(LIBRARY)
    return found


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    paths = [str(folder), *[p for p in sys.path if p]]
    return subprocess.run(
        [sys.executable, "-W", "always::RuntimeWarning", *command],
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "100", **environment},
    )  # fmt: skip


def answer(folder: Path, code: str, **environment: str):
    """What `code` prints as JSON, in a process that finds none of the large libraries."""
    head = """
        import json, sys
        sys.modules.update(dict.fromkeys(["torch", "jax", "dask", "array_api_strict"]))
        import pluggrad as pg
        ran = sys.__dict__.setdefault("plugins_that_ran", [])
    """
    code = textwrap.dedent(head) + textwrap.dedent(code)
    done = run(folder, "-c", code, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def facts(folder):
    """What `pg.backends()` says, and what choosing each of the names gives."""
    return answer(folder, """
        chosen = {}
        facts = pg.backends()
        for name in facts:
            try:
                pg.namespace(name)
                chosen[name] = None
            except pg.BackendError as error:
                cause = error.__cause__
                chosen[name] = str(error), None if cause is None else type(cause).__name__
        print(json.dumps({"facts": facts, "chosen": chosen}))
    """)  # fmt: skip


def test_a_broken_plugin_is_listed_with_its_reason_and_its_distribution(facts):
    for name, line in BROKEN.items():
        listed = facts["facts"][name]
        assert set(listed) == {"installed", "error"}, name
        assert listed["installed"] is False
        assert line in listed["error"], listed
        assert listed["error"].endswith(f"registered by {name}-plugin 0.1")
        assert "\n" not in listed["error"]


def test_choosing_a_broken_plugin_names_it_and_keeps_what_it_raised(facts):
    for name, line in BROKEN.items():
        if name in USABLE:
            assert facts["chosen"][name] is None
            continue
        message, cause = facts["chosen"][name]
        assert repr(name) in message and f"{name}-plugin 0.1" in message and line in message
        assert cause == (line.partition(":")[0] if " (" in line or "Error: " in line else None)


def test_a_missing_library_is_told_from_a_broken_plugin(facts):
    listed = facts["facts"]["missing"]
    assert listed["install"] == "pip install library_that_is_not_there"
    assert "missing-plugin 0.1" in listed["error"]
    ours = facts["facts"]["torch"]
    assert ours["installed"] is False and ours["install"] == "pip install 'pluggrad[torch]'"
    message, cause = facts["chosen"]["torch"]
    assert "needs a library that is not installed" in message
    assert "Installed: " in message and "goodlib" in message and cause == "ModuleNotFoundError"


def test_the_others_are_listed_as_if_nothing_were(facts):
    good = facts["facts"]["goodlib"]
    assert (good["installed"], good["version"], good["devices"]) == (True, "3.1", ["cpu"])
    assert good["capabilities"] == {"writable": True}
    ours = facts["facts"]["numpy"]
    assert ours["installed"] and ours["version"] == np.__version__
    assert facts["chosen"]["numpy"] is facts["chosen"]["goodlib"] is None


def test_of_two_plugins_of_one_name_the_first_wins_and_ours_before_all(facts):
    for name in ("goodlib", "numpy"):
        assert facts["facts"][name]["warnings"] == [
            "another plugin of this name is not used: plug_syntax:backend, "
            "registered by zz-double 0.1"
        ]


def test_a_distribution_without_metadata_disturbs_nobody(facts):
    assert facts["facts"]["unsigned"]["error"].startswith("SyntaxError: ")
    assert set(facts["facts"]["malformed"]) == {"installed", "error"}


def test_misspelt_hooks_are_named_with_what_was_meant(facts, folder):
    listed = facts["facts"]["misspelt"]
    assert listed["installed"]
    assert listed["warnings"] == [
        "'scater_add' has no effect, since adapters have no hook of this name; is 'scatter_add' "
        "meant?",
        "functions['put_inplace'] has no effect, since pluggrad looks up no function of this name; "
        "is 'put_in_place' meant?",
        "functions['tanhh'] has no effect, since pluggrad looks up no function of this name; is "
        "'tanh' meant?",
    ]
    warned = answer(folder, """
        import warnings
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            pg.namespace("misspelt"), pg.namespace("misspelt"), pg.namespace("numpy")
        print(json.dumps([str(w.message) for w in caught if w.category is RuntimeWarning]))
    """)  # fmt: skip
    assert len(warned) == 3 and all("'misspelt'" in text for text in warned)
    assert "is 'scatter_add' meant?" in warned[0] and "pluggrad backends --hooks" in warned[0]


def test_arrays_of_other_libraries_load_no_plugin(folder):
    found = answer(folder, """
        import numpy as np
        import otherlib
        before = list(ran)
        gradients = []
        for array in (np.asarray([1.0, 2.0]), np.asarray([1.0, 2.0]).view(otherlib.Array)):
            x = pg.Variable(array, requires_grad=True)
            pg.sum(x * x).backward()
            gradients.append(x.grad.tolist())
        print(json.dumps([before, gradients, ran]))
    """)  # fmt: skip
    assert found == [[], [[2.0, 4.0], [2.0, 4.0]], []]


def test_arrays_find_the_plugin_of_their_library_and_do_without_a_broken_one(folder):
    found = answer(folder, """
        import warnings
        import numpy as np
        import brokenlib, goodlib
        answers = []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for library in (goodlib, brokenlib):
                x = pg.Variable(np.asarray([1.0, 2.0]).view(library.Array), requires_grad=True)
                pg.sum(x * x).backward()
                answers.append([pg.namespace(x).__name__, x.grad.tolist()])
        warned = [str(w.message) for w in caught if w.category is RuntimeWarning]
        print(json.dumps([answers, ran, warned]))
    """)  # fmt: skip
    (good, other), ran, warned = found
    assert "goodlib" in good[0] and "numpy" in other[0]
    assert good[1] == other[1] == [2.0, 4.0]
    assert ran == ["plug_goodlib", "plug_brokenlib"]
    assert len(warned) == 1 and "brokenlib-plugin 0.1" in warned[0]


MISTYPED = {
    "namespace": "pg.namespace('torhc')",
    "use": "pg.use('torhc')",
    "default": "pg.set_default_backend('torhc')",
    "variable": "pg.zeros(3)",
}


@pytest.mark.parametrize("how", MISTYPED)
def test_a_mistyped_name_shows_no_traceback_of_anybody_else(folder, how):
    code = f"import pluggrad as pg\nassert pg.sum(pg.Variable(1.0)) is not None\n{MISTYPED[how]}"
    environment = {"PLUGGRAD_BACKEND": "torhc"} if how == "variable" else {}
    if how == "variable":
        code = f"import pluggrad as pg\n{MISTYPED[how]}"
    done = run(folder, "-c", code, **environment)
    assert done.returncode == 1 and done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("pluggrad.errors.BackendError: unknown backend 'torhc'")
    assert "did you mean 'torch'?" in last and "Installed: " in last and "goodlib" in last
    assert ("PLUGGRAD_BACKEND" in last) == (how == "variable")
    assert done.stderr.count("Traceback") == 1 and "plug_" not in done.stderr


def test_an_unknown_name_with_nothing_near_and_no_context():
    with pytest.raises(pg.BackendError, match=r"'nosuch'\. Installed: .*numpy") as caught:
        pg.namespace("nosuch")
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    assert "mean" not in str(caught.value)
    with pytest.raises(pg.BackendError, match="mean 'numpy'"):
        pg.use("NumPy")


def test_interop_with_a_broken_plugin(folder):
    found = answer(folder, """
        found = {}
        for name in ("brokenlib", "goodlib", "nosuch"):
            try:
                getattr(pg.interop, name)
            except Exception as error:
                found[name] = type(error).__name__, str(error)
        print(json.dumps(found))
    """)  # fmt: skip
    assert "brokenlib-plugin" in found["brokenlib"][1]
    assert found["goodlib"][0] == found["nosuch"][0] == "MissingFunctionError"


@pytest.mark.parametrize("default", ["", "torhc", "brokenlib"])
def test_the_command_line_lists_all(folder, default):
    done = run(
        folder, "-m", "pluggrad", "backends", **({"PLUGGRAD_BACKEND": default} if default else {})
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr
    table, broken, warned, *rest = done.stdout.split("\n\n")
    rows = {line.split()[0]: line for line in table.splitlines()}
    assert "in place" in rows["numpy"] and ("the default" in rows["numpy"]) == (not default)
    assert "3.1" in rows["goodlib"]
    assert "not installed" in rows["missing"]
    assert rows["missing"].endswith("pip install library_that_is_not_there")
    assert broken.startswith("Plugins that do not work")
    said = " ".join(broken.split())
    for name, line in BROKEN.items():
        assert rows[name].split()[1:] == ["not", "usable", "see", "below"]
        assert f" {name}: " in said and line in said and f"registered by {name}-plugin 0.1" in said
    assert max(map(len, broken.splitlines())) <= 100
    assert "'scatter_add' meant?" in " ".join(warned.split())
    if default == "torhc":
        assert "did you mean 'torch'?" in " ".join(rest[0].split())
    else:
        assert rest == []


def test_the_command_line_prints_the_hooks(capsys):
    assert main(["backends", "--hooks"]) == 0
    text = capsys.readouterr().out
    for hook in (*plugin.hooks().values(), *plugin.FUNCTIONS.values()):
        assert f"\n  {hook.call}\n" in text
    assert text.count("Default: ") == len(plugin.hooks()) - 3 + len(plugin.FUNCTIONS)
    assert text.count("Required.") == 3
