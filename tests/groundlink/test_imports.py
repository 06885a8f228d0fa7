import subprocess
import sys

PURE = "contacts messages frames store events sky channel ledger accounts session gateway"
HEAVY = ("paho", "amqtt", "pydantic", "numpy")


def test_the_pure_modules_import_nothing_heavy():
    imports = "; ".join(f"import groundlink.{name}" for name in PURE.split())
    script = f"import sys; {imports}; print(*[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
