"""Names of methods, and what a protocol makes of their recipes."""

from dataclasses import replace

import pytest

from csakd.benchmark.bench import with_variants
from csakd.benchmark.methods import TRAINED, method
from csakd.benchmark.protocol import PROTOCOLS, STUDIES
from csakd.classical import CLASSICAL
from csakd.models import NETWORKS, ONE_PAIR, PEERS
from csakd.training import RECIPES

SMALL = PROTOCOLS["aviris-small"]


def test_the_list_is_complete():
    """Every classical method, every competitor and all of the paper's networks have their row in Table I."""
    asked = {name.partition("+")[0] for name in STUDIES["quality"].methods}
    assert {*CLASSICAL, *ONE_PAIR, *PEERS, "teacher", "student"} <= asked
    assert {*PEERS, "teacher-l", "student-l", "teacher-l-ext", "student-l-ext"} <= set(TRAINED)


@pytest.mark.parametrize("name", TRAINED)
def test_a_recipe_makes_the_network_it_is_named_for(name):
    one = method(name)
    trained = getattr(one.recipe, one.role)
    assert trained in NETWORKS
    assert trained == name.removesuffix("-ext").removesuffix("-alone")
    assert TRAINED[name][0] in RECIPES


def test_the_parts_of_a_name():
    one = method("student+hyper@losses.sam=0.5,options.fusion=sum")
    recipe = SMALL.trained_by(one.recipe, "tm6", one.changes)
    assert (one.kind, one.model, one.role) == ("trained", "student", "student")
    assert (recipe.student, recipe.teacher, recipe.base, recipe.scaling) == ("student", "teacher", "hyper", "bands")
    assert (recipe.losses.sam, recipe.losses.beba, recipe.options) == (0.5, 0.1, {"fusion": "sum"})
    assert (recipe.msi, recipe.bands, recipe.patch, recipe.batch, recipe.snr) == ("tm6", "aviris-172", 64, 2, None)
    assert method("hyper").kind == "classical"
    assert method("usdn").kind == "one-pair"


def test_what_comes_trained_and_what_is_given():
    adapted, given = method("csakd-student+adapted"), method("mine=runs/a@b+c=d")
    assert (adapted.name, adapted.kind, adapted.model) == ("csakd-student+adapted", "adapted", "csakd-student")
    assert (given.name, given.kind, given.model) == ("mine", "given", "runs/a@b+c=d")
    assert with_variants(["mine=run", "csakd-student"], ("snr=35",)) == (method("mine=run"), method("csakd-student"))
    with pytest.raises(ValueError, match=r"no base and no changes to its recipe, only \+adapted"):
        method("csakd-student+hyper")


def test_crops_fit_the_ratio():
    recipe = replace(SMALL, ratio=3).trained_by(method("ssrnet").recipe, "tm4", ())
    assert (recipe.ratio, recipe.patch) == (3, 63)


def test_changes_have_the_last_word():
    one = method("mssjfl@snr=35,patch=32")
    recipe = SMALL.trained_by(one.recipe, "tm4", one.changes)
    assert (recipe.snr, recipe.patch, recipe.learning_rate) == (35, 32, 1e-3)


def test_short_runs_learn_faster_and_end_at_0():
    short = {name: SMALL.trained_by(method(name).recipe, "tm4", ()) for name in ("student", "student-l-ext", "mssjfl")}
    rates = {name: recipe.learning_rate for name, recipe in short.items()}
    assert rates == pytest.approx({"student": 3e-4, "student-l-ext": 1.5e-4, "mssjfl": 1e-3})
    assert {recipe.schedule for recipe in short.values()} == {"cosine"}


def test_the_release_of_the_paper_leaves_recipes_as_published():
    recipe = PROTOCOLS["csakd-aviris"].trained_by(method("student").recipe, "tm4", ())
    assert (recipe.patch, recipe.batch, recipe.epochs, recipe.snr) == (128, 4, 600, 35.0)
    assert PROTOCOLS["csakd-aviris"].budget is None


def test_teacher_and_student_share_a_run():
    assert method("teacher").run == method("student").run
    assert method("teacher@snr=35").run == method("student@snr=35").run != method("student").run
    assert method("student-alone").run != method("student").run


def test_an_extension_goes_on_where_the_large_run_ended():
    assert method("student-l-ext").extends.name == "student-l"
    assert method("teacher-l-ext@snr=35").extends.name == "teacher-l@snr=35"
    assert method("student-l").extends is None


def test_variants():
    named = [one.name for one in with_variants(["hyper", "student+glp", "student@snr=35"], ["", "seed=1"])]
    assert named == ["hyper", "student+glp", "student+glp@seed=1", "student@snr=35", "student@snr=35,seed=1"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pupil", "no method 'pupil': choose among bicubic"),
        ("hyper+glp", "only trained networks take a base"),
        ("usdn@seed=1", "only trained networks take a base or changes"),
        ("student+magic", "no base 'magic': choose one of none, bicubic"),
        ("student@epochs", "give FIELD=VALUE"),
        ("student@lambda=3", "give FIELD=VALUE"),
    ],
)
def test_names_that_mean_nothing(name, message):
    with pytest.raises(ValueError, match=message) as error:
        method(name)
    assert "\n" not in str(error.value)
