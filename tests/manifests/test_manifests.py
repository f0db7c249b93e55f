"""The cluster files render without a network and agree with what a run asks for."""

import shutil
import subprocess

import pytest
import yaml

from pipelines import submit
from pipelines.compile import ROOT

MANIFESTS = ROOT / "manifests"
FOLDERS = sorted(path.parent for path in MANIFESTS.rglob("kustomization.yaml"))


def identifier(folder):
    return str(folder.relative_to(MANIFESTS))


def rendered(folder):
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not on PATH")
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.mark.parametrize("folder", FOLDERS, ids=identifier)
def test_kustomize_renders_it(folder):
    assert rendered(folder)


@pytest.mark.parametrize("folder", FOLDERS, ids=identifier)
def test_what_it_lists_exists_and_no_base_is_remote(folder):
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())
    names = [*listed.get("resources", []), *(patch["path"] for patch in listed.get("patches", []))]
    assert names
    for name in names:
        assert "://" not in name and "github.com" not in name
        assert (folder / name).exists(), name


@pytest.mark.parametrize("folder", FOLDERS, ids=identifier)
def test_objects_are_named_once(folder):
    found = [(item["kind"], item["metadata"]["name"]) for item in rendered(folder)]
    assert len(found) == len(set(found))


@pytest.mark.parametrize("folder", FOLDERS, ids=identifier)
def test_every_file_belongs_to_the_folder(folder):
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())
    names = {*listed.get("resources", []), *(patch["path"] for patch in listed.get("patches", []))}
    assert {path.name for path in folder.glob("*.yaml")} - names == {"kustomization.yaml"}


def test_service_account_is_the_one_a_run_asks_for():
    [account] = [item for item in rendered(MANIFESTS / "base") if item["kind"] == "ServiceAccount"]
    default = submit._parser().parse_args([]).service_account
    assert account["metadata"]["name"] == default


def test_binding_joins_the_account_and_the_role():
    items = {item["kind"]: item for item in rendered(MANIFESTS / "base")}
    binding = items["RoleBinding"]
    assert binding["roleRef"]["name"] == items["Role"]["metadata"]["name"]
    assert binding["subjects"][0]["name"] == items["ServiceAccount"]["metadata"]["name"]


def test_role_has_no_wildcards():
    [role] = [item for item in rendered(MANIFESTS / "base") if item["kind"] == "Role"]
    assert not [rule for rule in role["rules"] if "*" in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}]


@pytest.mark.parametrize("folder", FOLDERS, ids=identifier)
def test_launcher_settings_are_yaml_in_yaml(folder):
    [config] = [item for item in rendered(folder) if item["kind"] == "ConfigMap"]
    providers = yaml.safe_load(config["data"]["providers"])
    assert set(providers["s3"]["default"]) >= {"endpoint", "region", "credentials"}
    assert config["data"]["defaultPipelineRoot"].startswith("s3://")
