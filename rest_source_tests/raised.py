"""Every id of an error that the code may raise, read from its syntax trees."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import rest_source

ROOT = Path(rest_source.__file__).parent
Trees = Mapping[str, ast.Module]
"""Modules by their dotted names."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Unclear(Exception):
    """An id that cannot be followed to where it is written."""


def package() -> Trees:
    """All of this package."""
    paths = sorted(ROOT.rglob("*.py"))
    named = {".".join(("rest_source", *path.relative_to(ROOT).with_suffix("").parts)): path for path in paths}
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in named.items()}


def raised_ids(trees: Trees) -> set[str]:
    """The ids, with `*` for what is only known when an error is made; raises Unclear rather than miss one."""
    errors = _errors(trees)
    return {
        id
        for name, tree in trees.items()
        for call, around in _calls(tree)
        if _makes_error(call, around, errors)
        for id in _written(_argument(call, "id", 0), trees, name, around)
    }


def _errors(trees: Trees) -> dict[str, bool]:
    """RestSourceError and every class that extends it, at whatever remove, and whether it has an id of its own."""
    found = {"RestSourceError": False}
    classes = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    while more := [node for node in classes if node.name not in found and {*map(_name, node.bases)} & found.keys()]:
        found |= {node.name: "__init__" in [getattr(line, "name", "") for line in node.body] for node in more}
    return found


def _makes_error(call: ast.Call, around: list[ast.AST], errors: dict[str, bool]) -> bool:
    if ast.unparse(call.func) == "super().__init__":
        return errors.get([node.name for node in around if isinstance(node, ast.ClassDef)][-1], False)
    return not errors.get(_name(call.func), True)


def _written(expression: ast.expr, trees: Trees, module: str, around: list[ast.AST]) -> Iterator[str]:
    """The ids that an expression may be: a text, one of two, or what comes from a table or through a parameter."""
    match expression:
        case ast.Constant(value=str(id)):
            yield id
        case ast.IfExp(body=first, orelse=second):
            yield from _written(first, trees, module, around)
            yield from _written(second, trees, module, around)
        case ast.JoinedStr(values=parts):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in parts)
        case ast.Attribute(attr="id"):
            yield from _of_records(trees, module)
        case ast.Name(id=name):
            yield from _of_callers(name, trees, module, around)
        case _:
            raise Unclear(f"{module}, line {expression.lineno}: {ast.unparse(expression)}")


def _of_records(trees: Trees, module: str) -> Iterator[str]:
    """The ids of a module's own tables: of its classes with a field `id`, and of `_replace(id=...)`."""
    classes = [node for node in trees[module].body if isinstance(node, ast.ClassDef)]
    fields = {
        node.name: [_name(line.target) for line in node.body if isinstance(line, ast.AnnAssign)] for node in classes
    }
    tables = {name: names.index("id") for name, names in fields.items() if "id" in names}
    if not tables:
        raise Unclear(f"{module}: no class has an `id`")
    for call, around in _calls(trees[module]):
        if _name(call.func) in tables:
            yield from _written(_argument(call, "id", tables[_name(call.func)]), trees, module, around)
        elif _name(call.func) == "_replace" and "id" in [keyword.arg for keyword in call.keywords]:
            yield from _written(_argument(call, "id", 0), trees, module, around)


def _of_callers(parameter: str, trees: Trees, module: str, around: list[ast.AST]) -> Iterator[str]:
    """What the modules that import a function pass to it."""
    functions = [node for node in around if isinstance(node, Function)]
    names = [argument.arg for argument in functions[-1].args.args] if functions else []
    if parameter not in names:
        raise Unclear(f"{module}: `{parameter}` is no parameter")
    passed = [
        (_argument(call, parameter, names.index(parameter)), caller, place)
        for caller, tree in trees.items()
        if caller == module or _imports(tree, module, functions[-1].name)
        for call, place in _calls(tree)
        if isinstance(call.func, ast.Name) and call.func.id == functions[-1].name
    ]
    if not passed:
        raise Unclear(f"{module}: nobody calls `{functions[-1].name}` by its name")
    for expression, caller, place in passed:
        yield from _written(expression, trees, caller, place)


def _imports(tree: ast.Module, module: str, name: str) -> bool:
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == module]
    return any(alias.name == name for node in froms for alias in node.names)


def _calls(node: ast.AST, around: tuple[ast.AST, ...] = ()) -> Iterator[tuple[ast.Call, list[ast.AST]]]:
    """Every call, with the nodes it stands in, outermost first."""
    if isinstance(node, ast.Call):
        yield node, list(around)
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, (*around, node))


def _argument(call: ast.Call, name: str, position: int) -> ast.expr:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if name not in given and len(call.args) <= position:
        raise Unclear(f"line {call.lineno}: no `{name}` in {ast.unparse(call)}")
    return given[name] if name in given else call.args[position]


def _name(node: ast.AST) -> str:
    """The last word of a name: `b` of `a.b`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
