"""Recipes are data: changed from text, stored as JSON, shrunk to seconds."""

from dataclasses import replace

import pytest

from csakd.data import synthetic_scene
from csakd.training import RECIPES, Recipe, recipe, smoke, train


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_survives_json_and_says_its_command(name):
    made = recipe(name)
    assert Recipe.from_dict(made.as_dict()) == made
    assert RECIPES[name].__doc__
    assert smoke(made).epochs == 2


def test_the_papers_settings():
    made = recipe("paper")
    assert (made.epochs, made.batch, made.patch, made.learning_rate, made.snr) == (600, 4, 128, 1e-4, 35.0)
    losses = made.losses
    assert (losses.beba, losses.sam, losses.kd, losses.response) == (0.1, 0.1, 0.1, 0.1)
    extended = recipe("paper-l-ext")
    assert (extended.student, extended.epochs, extended.learning_rate) == ("student-l", 40, 5e-5)


def test_settings_from_text():
    made = recipe("guided").changed(
        ["epochs=3", "learning_rate=2e-4", "snr=[35, 30]", "losses.sam=0.5", "options.fusion=sum", "teacher=none"]
    )
    assert (made.epochs, made.learning_rate, made.snr, made.teacher) == (3, 2e-4, (35, 30), "none")
    assert (made.losses.sam, made.options["fusion"]) == (0.5, "sum")
    assert recipe("paper").changed(["snr=null"]).snr is None


@pytest.mark.parametrize(
    "setting",
    ["epochs", "epoch=3", "epochs=many", "epochs=2.5", "epochs=0", "losses.l7=1", "losses=1", "snr=loud", "warmup=1",
     "precision=fp8", "seed=-1", "batch=true"],
)  # fmt: skip
def test_bad_settings(setting):
    with pytest.raises(ValueError, match=r"\w") as error:
        recipe("guided").changed([setting])
    assert "\n" not in str(error.value)
    assert setting.split("=")[0].split(".")[0] in str(error.value)


def test_unknown_recipe():
    with pytest.raises(ValueError, match="choose one of paper"):
        recipe("papper")


@pytest.mark.parametrize(("student", "teacher"), [("mssjfl", "mini-teacher"), ("mini-student", "dual-unet")])
def test_a_network_without_features_is_not_distilled(tmp_path, student, teacher):
    made = replace(smoke(recipe("guided")), student=student, teacher=teacher, options={})
    with pytest.raises(ValueError, match="hands out none: train it with teacher=none"):
        train(made, [synthetic_scene((16, 16))], [], tmp_path / "run")
    assert not (tmp_path / "run").exists()
