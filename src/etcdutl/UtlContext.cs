using Quorate.CommandLine;

namespace Quorate.Etcdutl;

/// <summary>What a command was given.</summary>
internal sealed record UtlContext(FlagSet Flags, IReadOnlyList<string> Arguments)
{
    public string Format => Flags.Text("write-out");

    /// <summary>Prints a row of values in the format that was asked for (spec 07 §12.1).</summary>
    public void Print(IReadOnlyList<(string Column, string Field, string Json, object Value, string Text)> values)
    {
        switch (Format)
        {
            case "simple":
                Console.Out.WriteLine(string.Join(", ", values.Select(value => value.Text)));
                break;
            case "json":
                Console.Out.WriteLine("{" + string.Join(',', values.Select(value =>
                    $"\"{value.Json}\":{(value.Value is string text ? $"\"{text}\"" : value.Value)}")) + "}");
                break;
            case "fields":
                foreach ((_, string field, _, object value, _) in values)
                {
                    Console.Out.WriteLine($"\"{field}\" : {value}");
                }

                break;
            case "table":
                var table = new Table([.. values.Select(value => value.Column)]);
                table.Add([.. values.Select(value => value.Text)]);
                Console.Out.Write(table.ToString());
                break;
            case "protobuf":
                throw new CommandException(ExitCodes.BadFeature, "protobuf not supported as output format");
            default:
                throw new CommandException(ExitCodes.BadFeature, "unsupported output format");
        }
    }

    public static void Log(string level, string message, string fields) =>
        Console.Error.WriteLine($"{DateTime.UtcNow:yyyy-MM-ddTHH:mm:ssZ}\t{level}\tetcdutl\t{message}\t{{{fields}}}");
}
