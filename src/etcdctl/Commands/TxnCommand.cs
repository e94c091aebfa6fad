using Google.Protobuf;
using Quorate.Client;
using Quorate.CommandLine;
using Quorate.Etcdctl.Output;
using Quorate.Protocol;

namespace Quorate.Etcdctl.Commands;

/// <summary>txn, whose compares and requests are read from standard input (spec 07 §7.4).</summary>
internal static class TxnCommand
{
    public static readonly IReadOnlyList<CtlCommand> All =
    [
        new("txn", "[options]", "Txn processes all the requests in one transaction",
            "printf 'mod(\"foo\") > \"0\"\\n\\nput foo \"over\"\\n\\nput foo \"created\"\\n\\n' | etcdctl txn",
            flags => flags.Add("interactive", FlagSet.Kind.Boolean, "false", "Input transaction in interactive mode", 'i'),
                RunAsync),
    ];

    /// <summary>Splits a line into words as the grammar of requests says; null for a string literal that cannot be
    /// read.</summary>
    public static List<string> Words(string line)
    {
        var words = new List<string>();
        for (int index = 0; index < line.Length;)
        {
            char first = line[index];
            if (char.IsWhiteSpace(first))
            {
                index++;
                continue;
            }

            if (first == '"')
            {
                int end = index + 1;
                while (end < line.Length && line[end] != '"')
                {
                    end += line[end] == '\\' ? 2 : 1;
                }

                if (end < line.Length)
                {
                    byte[] bytes = GoText.Unquote(line[index..(end + 1)])
                        ?? throw new CommandException(ExitCodes.InvalidInput, "invalid syntax");
                    words.Add(GoText.FromBytes(bytes));
                    index = end + 1;
                    continue;
                }
            }
            else if (first == '\'')
            {
                int end = line.IndexOf('\'', index + 1);
                if (end > 0)
                {
                    words.Add(line[(index + 1)..end]);
                    index = end + 1;
                    continue;
                }
            }
            else
            {
                int end = index;
                while (end < line.Length && !char.IsWhiteSpace(line[end]))
                {
                    end++;
                }

                words.Add(line[index..end]);
                index = end;
                continue;
            }

            // A quote that nothing closes is stepped over.
            index++;
        }

        return words;
    }

    private static async Task<int> RunAsync(CtlContext context)
    {
        if (context.Arguments.Count > 0)
        {
            throw CommandException.BadArguments("txn command does not accept argument");
        }

        await using EtcdClient client = await context.ConnectAsync().ConfigureAwait(false);
        bool prompts = context.Flags.Boolean("interactive");
        using var input = new StreamReader(CtlContext.Input, leaveOpen: true);
        var request = new TxnRequest();
        Prompt(context, prompts, "compares:");
        request.Compare.AddRange(Section(input).Select(ParseCompare));
        Prompt(context, prompts, "success requests (get, put, del):");
        request.Success.AddRange(Section(input).Select(ParseRequest));
        Prompt(context, prompts, "failure requests (get, put, del):");
        request.Failure.AddRange(Section(input).Select(ParseRequest));
        TxnResponse response = await client.CallAsync((calls, options) =>
            new KV.KVClient(calls).TxnAsync(request, options), isRead: false,
            timeout: TimeSpan.FromDays(1)).ConfigureAwait(false);
        Printer printer = context.Printer;
        printer.Print(response, () => PrintSimple(printer, response), json => json.Txn(response), () =>
            PrintFields(printer, response));
        return ExitCodes.Success;
    }

    private static void Prompt(CtlContext context, bool prompts, string text)
    {
        if (prompts)
        {
            context.Printer.Line(text);
        }
    }

    /// <summary>Lines up to an empty one; the end of the input inside of a section is an error.</summary>
    private static List<string> Section(StreamReader input)
    {
        var lines = new List<string>();
        while (true)
        {
            string line = (input.ReadLine() ?? throw new CommandException(ExitCodes.InvalidInput, "EOF")).Trim();
            if (line.Length == 0)
            {
                return lines;
            }

            if (input.EndOfStream)
            {
                throw new CommandException(ExitCodes.InvalidInput, "EOF");
            }

            lines.Add(line);
        }
    }

    private static Compare ParseCompare(string line)
    {
        int parenthesis = line.IndexOf('(', StringComparison.Ordinal);
        if (parenthesis < 0)
        {
            throw Malformed(line);
        }

        string target = line[..parenthesis], key = "", operation = "", value = "";
        bool whole = TryScan(line[(parenthesis + 1)..], ref key, ref operation, ref value);
        if (!whole)
        {
            throw new CommandException(ExitCodes.InvalidInput,
                $"malformed comparison: {line}; got {target}({GoText.Quote(GoText.ToBytes(key))}) {operation} {GoText.Quote(GoText.ToBytes(value))}");
        }

        var compare = new Compare
        {
            Key = ByteString.CopyFrom(GoText.ToBytes(key)),
            Result = operation switch
            {
                "=" => Compare.Types.CompareResult.Equal,
                "!=" => Compare.Types.CompareResult.NotEqual,
                "<" => Compare.Types.CompareResult.Less,
                ">" => Compare.Types.CompareResult.Greater,
                _ => throw new CommandException(ExitCodes.InvalidInput, $"unknown result op {operation}"),
            },
        };
        switch (target)
        {
            case "val" or "value":
                compare.Target = Compare.Types.CompareTarget.Value;
                compare.Value = ByteString.CopyFrom(GoText.ToBytes(value));
                return compare;
            case "ver" or "version":
                compare.Target = Compare.Types.CompareTarget.Version;
                compare.Version = Number(line, value);
                return compare;
            case "c" or "create":
                compare.Target = Compare.Types.CompareTarget.Create;
                compare.CreateRevision = Number(line, value);
                return compare;
            case "m" or "mod":
                compare.Target = Compare.Types.CompareTarget.Mod;
                compare.ModRevision = Number(line, value);
                return compare;
            case "lease":
                compare.Target = Compare.Types.CompareTarget.Lease;
                compare.Lease = Number(line, value);
                return compare;
            default:
                throw new CommandException(ExitCodes.InvalidInput, $"malformed comparison: {line} (unknown target {target})");
        }
    }

    private static bool TryScan(string text, ref string key, ref string operation, ref string value)
    {
        if (TakeLiteral(ref text) is not { } foundKey)
        {
            return false;
        }

        key = foundKey;
        if (!text.StartsWith(')') || text.Length < 2 || !char.IsWhiteSpace(text[1]))
        {
            return false;
        }

        text = text[1..].TrimStart();
        int end = text.IndexOf(' ', StringComparison.Ordinal);
        operation = end < 0 ? text : text[..end];
        text = end < 0 ? "" : text[end..].TrimStart();
        if (TakeLiteral(ref text) is not { } foundValue)
        {
            return false;
        }

        value = foundValue;
        return true;
    }

    private static string? TakeLiteral(ref string text)
    {
        if (text.Length == 0 || text[0] is not ('"' or '`'))
        {
            return null;
        }

        char quote = text[0];
        int end = 1;
        while (end < text.Length && text[end] != quote)
        {
            end += quote == '"' && text[end] == '\\' ? 2 : 1;
        }

        if (end >= text.Length || GoText.Unquote(text[..(end + 1)]) is not { } bytes)
        {
            return null;
        }

        text = text[(end + 1)..];
        return GoText.FromBytes(bytes);
    }

    private static RequestOp ParseRequest(string line)
    {
        List<string> words = Words(line);
        if (words.Count < 2)
        {
            throw new CommandException(ExitCodes.InvalidInput, $"invalid txn compare request: {line}");
        }

        string[] matching = [.. ((string[])["get", "put", "del"])
            .Where(name => name.StartsWith(words[0], StringComparison.Ordinal))];
        if (matching.Length != 1)
        {
            throw new CommandException(ExitCodes.InvalidInput, $"invalid txn request: {line}");
        }

        var flags = new FlagSet();
        switch (matching[0])
        {
            case "get": KeyCommands.GetFlags(flags); break;
            case "put": KeyCommands.PutFlags(flags); break;
            default: KeyCommands.DeleteFlags(flags); break;
        }

        IReadOnlyList<string> arguments;
        try
        {
            arguments = flags.Parse(words.GetRange(1, words.Count - 1), out _);
        }
        catch (CommandException)
        {
            throw new CommandException(ExitCodes.InvalidInput, $"invalid txn request: {line}");
        }

        return matching[0] switch
        {
            "get" => new RequestOp { RequestRange = KeyCommands.GetRequest(flags, arguments) },
            "put" => new RequestOp { RequestPut = KeyCommands.PutRequest(flags, arguments, () => []) },
            _ => new RequestOp { RequestDeleteRange = KeyCommands.DeleteRequest(flags, arguments) },
        };
    }

    private static long Number(string line, string value) => GoText.TryInt64(value, out long number, out _)
        ? number
        : throw new CommandException(ExitCodes.InvalidInput, $"invalid txn compare request: {line}");

    private static CommandException Malformed(string line) => new(ExitCodes.InvalidInput, $"malformed comparison: {line}");

    private static void PrintSimple(Printer printer, TxnResponse response)
    {
        printer.Line(response.Succeeded ? "SUCCESS" : "FAILURE");
        foreach (ResponseOp each in response.Responses)
        {
            printer.Line("");
            switch (each.ResponseCase)
            {
                case ResponseOp.ResponseOneofCase.ResponseRange: KeyCommands.PrintSimple(printer, each.ResponseRange); break;
                case ResponseOp.ResponseOneofCase.ResponsePut: KeyCommands.PrintSimple(printer, each.ResponsePut); break;
                case ResponseOp.ResponseOneofCase.ResponseDeleteRange:
                    KeyCommands.PrintSimple(printer,
                    each.ResponseDeleteRange); break;
            }
        }
    }

    private static void PrintFields(Printer printer, TxnResponse response)
    {
        printer.HeaderFields(response.Header);
        printer.Field("Succeeded", response.Succeeded ? "true" : "false");
        foreach (ResponseOp each in response.Responses)
        {
            switch (each.ResponseCase)
            {
                case ResponseOp.ResponseOneofCase.ResponseRange: KeyCommands.PrintFields(printer, each.ResponseRange); break;
                case ResponseOp.ResponseOneofCase.ResponsePut: KeyCommands.PrintFields(printer, each.ResponsePut); break;
                case ResponseOp.ResponseOneofCase.ResponseDeleteRange:
                    KeyCommands.PrintFields(printer,
                    each.ResponseDeleteRange); break;
            }
        }
    }
}
