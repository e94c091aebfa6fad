namespace Quorate.Server.Hosting;

/// <summary>A setting was given both as a flag and as a variable, which is an error even if they are equal (spec 06 §2).</summary>
public sealed class ShadowedVariableException(string variable) : Exception(
    "conflicting environment variable is shadowed by corresponding command-line flag (either unset environment variable or disable flag))")
{
    public string Variable => variable;
}
