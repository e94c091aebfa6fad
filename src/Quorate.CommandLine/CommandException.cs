namespace Quorate.CommandLine;

/// <summary>A command that cannot go on: "Error: " and the text on standard error, and an exit code (spec 07 §4).</summary>
public sealed class CommandException(int exitCode, string message) : Exception(message)
{
    public int ExitCode => exitCode;

    /// <summary>The command line is wrong.</summary>
    public static CommandException BadArguments(string message) => new(ExitCodes.BadArguments, message);
}
